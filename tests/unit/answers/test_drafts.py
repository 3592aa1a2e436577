"""What chat models write, read as it comes: in the format, nearly in it, and not at all."""

from __future__ import annotations

import json
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.answers.base import Draft, DraftQuote
from penstock.answers.drafts import DraftReader
from support.chat_models import claim

ONE = Draft("The pay is £240.", (DraftQuote(1, "is paid £240"),))
TWO = Draft("It is {weekly}.", (DraftQuote(2, 'a "week"'), DraftQuote(1, "paid")))
LINES = claim("The pay is £240.", (1, "is paid £240")) + "\n" + claim("It is {weekly}.", (2, 'a "week"'), (1, "paid"))


def read(text: str, size: int = 3) -> list[Draft]:
    reader = DraftReader()
    found = [draft for at in range(0, len(text), size) for draft in reader.feed(text[at : at + size])]
    return [*found, *reader.end()]


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        f"```json\n{LINES}\n```",
        f"Here is {{what}} you asked for:\n{LINES}\nI hope that {{this helps}}",
        f"<think>\n{claim('Not yet', (1, 'no'))} {{ </think>\n{LINES}",
        '{"claims": [' + LINES.replace("\n", ",\n") + "]}",
        '{"claims": [' + LINES.replace("\n", ",\n"),
        f"[{LINES}]".replace("\n", ",\n"),
    ],
    ids=["lines", "fenced", "talkative", "thinking", "wrapped", "wrapped and cut", "list"],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_claims_are_read_whatever_stands_around_them(text: str, size: int) -> None:
    assert [one for one in read(text, size) if not one.beside] == [ONE, TWO]


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        (LINES, []),
        (f"```json\n[{LINES}]\n```".replace("\n{", ",\n{"), []),
        (f"Here you are:\n{LINES}\nMind the eel. It bites!", ["Here you are:", "Mind the eel.", "It bites!"]),
        ('The mill is sold. {"claim": null}', ["The mill is sold."]),
    ],
)
def test_sentences_beside_the_claims_are_told_and_signs_are_not(text: str, beside: list[str]) -> None:
    assert [one.text for one in read(text) if one.beside] == beside


def test_silence_is_not_the_claim_that_there_is_no_answer() -> None:
    for text, silent in {
        "": True,
        " \n": True,
        '{"claim": null}': False,
        '{"claims": []}': False,
        "So.": False,
    }.items():
        reader = DraftReader()
        list(reader.feed(text))
        list(reader.end())
        assert reader.silent is silent, text


def test_a_claim_comes_as_soon_as_it_is_written() -> None:
    reader = DraftReader()
    first, _, second = LINES.partition("\n")
    assert list(reader.feed(first[:-1])) == []
    assert list(reader.feed("}")) == [ONE]
    assert list(reader.feed(second)) == [TWO]


@pytest.mark.parametrize(
    ("text", "drafts"),
    [
        ('{"claim": null}', []),
        ('{"claims": []}', []),
        ("", []),
        ("The pay is £240 [1].", [Draft("The pay is £240 [1].", ())]),
        ("They ask for the pay.</think>\nIt is £240.", [Draft("It is £240.", ())]),
        (f"They ask for the pay.</think>\n{LINES}", [ONE, TWO]),
        ('{"claim": "So', []),
        ('{"claim": "So" no} ' + LINES, [ONE, TWO]),
        ('{"claim": "a", "quotes": {"passage": "[2]", "text": "b"}}', [Draft("a", (DraftQuote(2, "b"),))]),
        ('{"claim": "a", "quotes": ["b"]}', [Draft("a", (DraftQuote(0, "b"),))]),
        (
            '{"claim": "a", "quotes": [{"passage": 1, "quote": 7}, null]}',
            [Draft("a", (DraftQuote(1, ""), DraftQuote(0, "")))],
        ),
        ('{"claim": "a"}{"claim": 7}{"claim": " "}', [Draft("a", ())]),
        ('{"claims": [{"claim": "a"}, "b"]}', [Draft("a", ()), Draft(', "b"]}', (), beside=True)]),
    ],
)
def test_what_is_not_quite_the_format_is_taken_for_what_it_says(text: str, drafts: list[Draft]) -> None:
    assert read(text) == drafts


def test_a_claim_that_is_no_json_is_told() -> None:
    reader = DraftReader()
    assert [*reader.feed('{"claim": "a"} {"claim": "b'), *reader.end()] == [Draft("a", ())]
    assert reader.unreadable


@pytest.mark.parametrize(
    "text", ["{" * 20_000, '{"a":' * 5_000, '{"claim": "' + "a" * 50_000, '{"claim": ' + "9" * 9_000 + "}"]
)
def test_no_garbage_is_an_error(text: str) -> None:
    assert all(len(draft.text) <= 2000 for draft in read(text, 5_000))


@pytest.mark.parametrize(
    "garbage",
    [
        "{" * 50_000,
        '{"a":' * 10_000,
        '{"claim": "x" ' * 5_000,
        '{"claim": "x", "quotes": [' + '"so it is}", ' * 8_000,
    ],
    ids=["braces", "nested", "claims that nothing closes", "a claim without an end"],
)
def test_of_a_model_that_repeats_itself_not_all_is_read_anew_for_every_brace(garbage: str) -> None:
    """Each reading goes over what there is by then: a loop of 900 kB took two minutes of a processor."""
    called: Counter[str] = Counter()
    sys.setprofile(lambda frame, event, _: called.update([frame.f_code.co_name]) if event == "call" else None)
    try:
        read(garbage, 40)
    finally:
        sys.setprofile(None)
    assert called["raw_decode"] <= 1_000


@given(st.text(alphabet='{}[]":,claimsquotes \n1\\', max_size=200), st.integers(1, 30))
def test_the_pieces_make_no_difference(text: str, size: int) -> None:
    assert read(text, size) == read(text, 10_000)


@given(st.text(min_size=1).filter(lambda text: bool(text.strip())), st.integers(1, 9))
def test_a_claim_is_read_back(text: str, size: int) -> None:
    written = json.dumps({"claim": text, "quotes": [{"passage": 3, "quote": text}]})
    assert read(written, size) == [Draft(" ".join(text.split()), (DraftQuote(3, text),))]
