"""What a row of a log says, and what is said of a row that will not do."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ConfigError, UsageError
from penstock.feedback.mapping import each_place, load_mapping, rating, read_entry
from penstock.feedback.saying import MAX_TEXT_CHARS, Kind, Said, on_scale
from penstock.interaction_settings import FeedbackSettings

PLAIN = FeedbackSettings()
ASKED = {"question": "what is rye?", "shown": ["bread.md"]}


def test_a_row_says_all_that_it_says() -> None:
    row = {
        **ASKED,
        "rating": "down",
        "comment": " too short ",
        "correction": "It is a grain.",
        "right": "rye.md",
        "right_text": "a grain",
        "event": "Copied",
        "passage": "bread.md",
        "at": "2026-05-01T12:00:00+02:00",
        "person": 7,
    }
    entry = read_entry(row, PLAIN)
    assert entry is not None
    assert entry.said == (
        Said(Kind.RATING, value=-1.0, passage="bread.md"),
        Said(Kind.COMMENT, text="too short", passage="bread.md"),
        Said(Kind.CORRECTION, text="It is a grain.", passage="bread.md"),
        Said(Kind.RIGHT_PASSAGE, passage="rye.md", span="a grain"),
        Said(Kind.COPIED, passage="bread.md"),
    )
    assert (entry.person, entry.at) == ("7", datetime(2026, 5, 1, 10, tzinfo=UTC).timestamp())


def test_values_as_tables_type_them() -> None:
    entry = read_entry({**ASKED, "at": date(2026, 5, 1), "person": Decimal("7.00")}, PLAIN)
    assert entry is not None
    assert (entry.person, entry.at) == ("7", datetime(2026, 5, 1, tzinfo=UTC).timestamp())


def test_a_whole_number_keeps_all_its_digits_in_a_column_with_gaps() -> None:
    people = [read_entry({**ASKED, "person": one}, PLAIN) for one in (12345678.0, 12345679.0)]
    assert [entry and entry.person for entry in people] == ["12345678", "12345679"]


def test_a_time_that_has_not_come() -> None:
    with pytest.raises(UsageError, match=r"^at is in the future: '2099-01-01'; nobody has said anything then$"):
        read_entry({**ASKED, "at": "2099-01-01"}, PLAIN)


@pytest.mark.parametrize(
    ("written", "value"),
    [("👍", 1), ("Thumbs  Up", 1), ("down", -1), (True, 1), (False, -1), (1, 1), (-1.0, -1), ("+1", 1), ("", None)],
)
def test_words_that_everybody_writes_alike(written: Any, value: float | None) -> None:
    assert rating(written, PLAIN) == value


def test_words_and_numbers_of_a_log_of_its_own() -> None:
    mapping = FeedbackSettings(scale=(5, 1), ratings={"Excellent": 1, "could be improved": -0.25})
    assert [rating(one, mapping) for one in ("EXCELLENT", "Could be improved", 5, "1", 3)] == [1, -0.25, -1, 1, 0]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1))
def test_a_scale_keeps_the_order_and_the_ends(worst: float, best: float, share: float) -> None:
    if abs(best - worst) < 1e-3:
        return
    inside = min(max(worst + share * (best - worst), min(worst, best)), max(worst, best))
    assert on_scale(worst, worst, best) == -1
    assert on_scale(best, worst, best) == pytest.approx(1)
    assert on_scale(inside, worst, best) == pytest.approx(2 * share - 1, abs=1e-6)


BAD = [
    ({}, "it names neither an interaction nor a question; see interaction and question in the mapping"),
    ({"interaction": "a1"}, "it says nothing: no rating, comment, correction, right passage or event"),
    (
        {**ASKED, "rating": "meh"},
        "rating 'meh' will not do; there are: down, up; words of another log are given under ratings",
    ),
    ({**ASKED, "rating": 0}, "rating 0 will not do: write scale = [worst, best] into the mapping"),
    ({**ASKED, "rating": 4}, "rating 4 will not do: write scale = [worst, best] into the mapping"),
    (
        {**ASKED, "comment": "a" * (MAX_TEXT_CHARS + 1)},
        "the comment has 10,001 characters, more than 10,000; shorten it",
    ),
    ({"question": "q" * 20_000}, "the question has 20,000 characters, more than 10,000; shorten it"),
    (
        {**ASKED, "at": "yesterday"},
        "at is no time: 'yesterday'; write ISO 8601, such as 2026-05-01T12:00:00Z, or seconds",
    ),
    (
        {**ASKED, "at": "2999-01-01T00:00:00Z"},
        "at is in the future: '2999-01-01T00:00:00Z'; nobody has said anything then",
    ),
    ({**ASKED, "at": "nan"}, "at is no time: 'nan'; write ISO 8601, such as 2026-05-01T12:00:00Z, or seconds"),
    ({**ASKED, "at": 3}, "at is no time: 3; write ISO 8601, such as 2026-05-01T12:00:00Z, or seconds"),
    ({**ASKED, "event": "yawned"}, "event 'yawned' will not do; it is one of copied, cited, abandoned"),
    ({**ASKED, "comment": {"a": 1}}, "comment is not text: {'a': 1}"),
    ({**ASKED, "shown": [1]}, "shown is not a list of ids or keys: [1]"),
    ({**ASKED, "shown": "[1"}, "shown is not a JSON list: '[1'"),
    (
        {**ASKED, "right": "a.md", "right_start": 3},
        "the right passage has a start or an end and not both; give both, or its text",
    ),
    (
        {**ASKED, "right_text": "it is old"},
        "right_text says where the right passage is, and nothing of which document; give right too",
    ),
    ({**ASKED, "right": "a.md", "right_start": "x", "right_end": 5}, "right_start is not a whole number: 'x'"),
    ({**ASKED, "right": "a.md", "right_start": "--1", "right_end": 5}, "right_start is not a whole number: '--1'"),
]


@pytest.mark.parametrize(("row", "message"), BAD)
def test_a_row_that_will_not_do_names_the_value_and_the_fix(row: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        read_entry(row, PLAIN)


@pytest.mark.parametrize(
    ("stars", "where", "message"),
    [
        ("5", "stars > `2`", "where = 'stars > `2`' cannot be read from it: '>' not supported between"),
        (math.inf, "ceil(stars)", "where = 'ceil(stars)' cannot be read from it: cannot convert float infinity"),
        ([1], "stars[::0]", "where = 'stars[::0]' cannot be read from it: slice step cannot be zero"),
    ],
)
def test_an_expression_that_cannot_follow_a_row_leaves_it_a_bad_row(stars: Any, where: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}"):
        read_entry({**ASKED, "stars": stars}, FeedbackSettings(where=where))


def test_other_columns_lists_and_conditions() -> None:
    mapping = FeedbackSettings(
        question="q.text", shown="join('', [to_string(id), '.md'])", rating="stars", comment="why",
        where="lang == 'en'", each=("stars", "why"), ratings={"good": 1, "poor": -1},
    )  # fmt: skip
    row = {
        "passage": "Rye is a",
        "q": {"text": "what is rye?"},
        "id": 592,
        "stars": ["good", "poor"],
        "why": ["clear", "old"],
        "lang": "en",
    }
    found = [read_entry(one, mapping) for one in each_place(row, mapping)]
    assert [one and (one.question, one.shown, [said.value or said.text for said in one.said]) for one in found] == [
        ("what is rye?", ("592.md",), [1, "clear"]),
        ("what is rye?", ("592.md",), [-1, "old"]),
    ]
    assert read_entry({**row, "lang": "fr"}, mapping) is None
    with pytest.raises(UsageError, match=r"^the lists of each differ in length: {'stars': 2, 'why': 1}$"):
        list(each_place({**row, "why": ["clear"]}, mapping))
    with pytest.raises(UsageError, match=r"^why is not a list, as each says: 'clear'$"):
        list(each_place({**row, "why": "clear"}, mapping))


@pytest.mark.parametrize("at", ["1777636800", 1777636800, 1777636800000, 1777636800.0, datetime(2026, 5, 1, 12)])  # noqa: DTZ001 - as Parquet has it
def test_times_as_logs_write_them(at: Any) -> None:
    entry = read_entry({**ASKED, "at": at}, PLAIN)
    assert entry is not None
    assert entry.at == 1777636800


def test_a_mapping_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log.toml"
    path.write_text('rating = "stars"\nscale = [1, 5]\n')
    assert load_mapping(path) == FeedbackSettings(rating="stars", scale=(1, 5))
    path.write_text('ratting = "stars"\n')
    with pytest.raises(ConfigError, match=r"log.toml: unknown key 'ratting'; did you mean 'rating' or "):
        load_mapping(path)
    path.write_text('rating = "a b ["\n')
    with pytest.raises(ConfigError, match=r"log.toml: rating: 'a b \[' is not a JMESPath expression: "):
        load_mapping(path)
    path.write_text("scale = [1, 1]\n")
    with pytest.raises(ConfigError, match=r"log.toml: scale \[1.0, 1.0\] has no two ends; write \[worst, best\]"):
        load_mapping(path)
    with pytest.raises(ConfigError, match="No such file or directory; name a TOML file"):
        load_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (Said(Kind.RATING), "a rating without a value will not do: it is a number from -1, the worst, to 1, the best"),
        (
            Said(Kind.RATING, value=math.nan),
            "a rating of nan will not do: it is a number from -1, the worst, to 1, the best",
        ),
        (Said(Kind.COMMENT, text=" \n"), "the comment is blank; write some words"),
        (Said(Kind.COMMENT, text="\u200b\0"), "the comment is blank; write some words"),
        (Said(Kind.COMMENT, value=1.0, text="x"), "'comment' takes no value; 1.0 belongs to a rating"),
        (
            Said(Kind.RATING, value=1.0, span="the mill"),
            "'rating' takes no span; a span is said of a right-passage",
        ),
        (Said(Kind.COPIED, text="x"), "'copied' takes no text; say it as a comment"),
        (
            Said(Kind.RIGHT_PASSAGE),
            "which passage is the right one is not said; name a chunk, or a document and its span",
        ),
        (
            Said(Kind.ABANDONED, passage="x"),
            "what was abandoned is the whole answer, not one passage; leave the passage out",
        ),
    ],
)
def test_what_is_said_must_say_something(said: Said, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        said.checked()
