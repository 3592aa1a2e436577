"""Feedback is bound to what was shown, logs are imported row by row, and the report says what is in them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import update

from penstock import erasure, feedback, interactions, maintenance
from penstock.catalog.schema import interactions as interactions_table
from penstock.errors import UsageError
from penstock.feedback import Kind, Said
from penstock.feedback.page import WIDTH, chart, page
from penstock.feedback.saying import short
from penstock.ids import document_id
from penstock.interaction_settings import FeedbackSettings
from penstock.interactions import Asker
from penstock.retrieval import Found, search
from penstock.sync import sync
from support.bucket import keep_stores_at, s3_client, s3_server
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
MILL = "# Mill\n\nThe miller grinds barley in the old mill.\n"
BREAD = "# Bread\n\nThe baker bakes rye bread on Fridays.\n"
PAY = "# Pay\n\nThe miller earns eleven crowns.\n"
ON_SQLITE = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
"""Of tests of what no database changes."""


@pytest.fixture
def w(make_workspace: Make, catalog_url: str) -> Workspace:
    made = make_workspace(catalog=catalog_url)
    for key, text in {"mill.md": MILL, "bread.md": BREAD, "pay.md": PAY}.items():
        made.write(key, text)
    made.allow("pay.md", ["group:hr"])
    made.sync()
    return made


def recorded(w: Workspace, **options: Any) -> tuple[Found, str]:
    found = search(w.platform, "main", "who grinds barley", **options)
    return found, interactions.record(w.platform, found)


def hit_of(found: Found, key: str) -> str:
    return next(hit.chunk_id for hit in found.hits if hit.key == key)


def log(w: Workspace, rows: list[dict[str, Any]], name: str = "log.jsonl") -> str:
    path = w.root / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def said(w: Workspace, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in columns) for row in feedback.read(w.platform, "main").to_pylist()]


# what is given


def test_a_rating_is_about_the_whole_or_about_one_passage(w: Workspace) -> None:
    found, id_ = recorded(w)
    chunk = hit_of(found, "mill.md")
    feedback.give(w.platform, id_, Said(Kind.RATING, value=-1.0))
    feedback.give(w.platform, id_, Said(Kind.RATING, value=1.0, passage=chunk))
    documents = {hit.chunk_id: hit.document_id for hit in found.hits}
    assert said(w, "value", "chunk_id", "document_id") == [(-1.0, None, None), (1.0, chunk, documents[chunk])]


@ON_SQLITE
def test_what_was_not_shown_cannot_be_spoken_of(w: Workspace) -> None:
    found, id_ = recorded(w, k=1)
    other = hit_of(search(w.platform, "main", "rye bread"), "bread.md")
    message = f"^passage '{other}' was not shown in this interaction; shown were: {found.hits[0].chunk_id}$"
    with pytest.raises(UsageError, match=message):
        feedback.give(w.platform, id_, Said(Kind.COPIED, passage=other))
    nowhere = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(UsageError, match=rf"^chunk '{nowhere}' is in no release of 'main' that still stands$"):
        feedback.give(w.platform, id_, Said(Kind.RATING, value=1.0, passage=nowhere))
    assert said(w, "id") == []


def test_the_right_passage_need_not_have_been_shown(w: Workspace) -> None:
    _found, id_ = recorded(w, k=1)
    chunk = hit_of(search(w.platform, "main", "rye bread"), "bread.md")
    for right in (
        Said(Kind.RIGHT_PASSAGE, passage=chunk),
        Said(Kind.RIGHT_PASSAGE, passage="docs:bread.md", span="rye bread"),
        Said(Kind.RIGHT_PASSAGE, passage="bread.md", span=(0, 5)),
    ):
        feedback.give(w.platform, id_, right)
    rows = said(w, "chunk_id", "start", "end")
    assert [row[0] for row in rows] == [chunk, None, None]
    assert [row[2] - row[1] for row in rows[1:]] == [len("rye bread"), 5]


def test_a_document_is_named_by_the_id_that_a_passage_carries(w: Workspace) -> None:
    found, id_ = recorded(w)
    mill = next(one for one in found.passages if one.key == "mill.md")
    place = (mill.document_id, mill.start, mill.end)
    feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage=mill.document_id, span=(mill.start, mill.end)))
    feedback.give(w.platform, id_, Said(Kind.RATING, value=1.0, passage=mill.document_id))
    row = {"interaction": id_, "right": mill.document_id, "right_start": mill.start, "right_end": mill.end}
    assert feedback.import_files(w.platform, "main", [log(w, [row])]).taken == 1
    rows = said(w, "kind", "document_id", "start", "end")
    assert rows == [("right-passage", *place), ("rating", mill.document_id, None, None), ("right-passage", *place)]


def test_a_span_is_of_the_revision_that_was_shown(w: Workspace) -> None:
    found, id_ = recorded(w)
    mill = next(one for one in found.passages if one.key == "mill.md")
    start = mill.start + mill.text.index("barley")
    place = {"start": start, "end": start + len("barley")}
    w.write("mill.md", "# Mill\n\nOnce more than oats, now wheat.\n\nThe miller rests in the old mill.\n")
    w.sync()
    right = Said(Kind.RIGHT_PASSAGE, passage=mill.document_id, span=(place["start"], place["end"]))
    feedback.give(w.platform, id_, right)
    feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage="mill.md", span="barley"))
    assert said(w, "revision", "start", "end") == [(mill.revision, *place.values())] * 2

    feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage="mill.md", span="now wheat"))
    [live] = [one for one in said(w, "revision") if one != (mill.revision,)]
    assert live == (next(one.revision for one in search(w.platform, "main", "wheat").passages if one.key == "mill.md"),)
    row = {"interaction": id_, "right": "mill.md", "right_start": place["start"], "right_end": place["end"]}
    assert feedback.import_files(w.platform, "main", [log(w, [row])]).taken == 1
    assert said(w, "revision").count((mill.revision,)) == 3

    maintenance.prune(w.platform, "main", 1)
    pruned = "^release 1, which the answer is from, was pruned; name the span by its text$"
    with pytest.raises(UsageError, match=pruned):
        feedback.give(w.platform, id_, right)


@ON_SQLITE
def test_an_id_opens_no_document_that_may_not_be_read_nor_one_of_another_index(w: Workspace) -> None:
    _found, id_ = recorded(w)
    more, index = w.settings.sources["docs"], w.settings.indexes["main"]
    indexes = {"main": index, "other": index.model_copy(update={"sources": ("more",)})}
    w.settings = w.settings.model_copy(update={"sources": {"docs": more, "more": more}, "indexes": indexes})
    w.platform = w.open()
    sync(w.platform, "other")
    for document in (document_id("docs", "pay.md"), document_id("more", "mill.md"), "0" * 32):
        with pytest.raises(UsageError, match=f"^no source of 'main' has a document '{document}'; write its key, or"):
            feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage=document), Asker())


@pytest.mark.parametrize(
    ("right", "message"),
    [
        (
            Said(Kind.RIGHT_PASSAGE, passage="bred.md"),
            "no source of 'main' has a document 'bred.md'; write its key, or ",
        ),
        (
            Said(Kind.RIGHT_PASSAGE, passage="bread.md", span="rye\nbread"),
            r"the right text 'rye\nbread' is not, word for",
        ),
        (Said(Kind.RIGHT_PASSAGE, passage="bread.md", span=(5, 5000)), "the span 5–5000 is not in the document, which"),
        (Said(Kind.RIGHT_PASSAGE, passage="k" * 3000), "'kkk"),
    ],
)
@ON_SQLITE
def test_a_right_passage_that_is_nowhere(w: Workspace, right: Said, message: str) -> None:
    _found, id_ = recorded(w)
    with pytest.raises(UsageError, match="^" + re.escape(message)):
        feedback.give(w.platform, id_, right)


@ON_SQLITE
def test_who_may_not_read_a_document_learns_nothing_of_it(w: Workspace) -> None:
    _found, id_ = recorded(w)
    pay = hit_of(search(w.platform, "main", "what the miller earns", principals=("group:hr",)), "pay.md")
    message = "no source of 'main' has a document 'pay.md'; write its key, or SOURCE:KEY"
    with pytest.raises(UsageError, match=f"^{message}$"):
        feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage="pay.md"), Asker())
    with pytest.raises(UsageError, match=f"^chunk '{pay}' is in no release"):
        feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage=pay), Asker())
    feedback.give(w.platform, id_, Said(Kind.RIGHT_PASSAGE, passage="pay.md"), Asker(("group:hr",)))


@ON_SQLITE
def test_a_log_of_an_index_that_was_never_synced_is_told_what_comes_first(
    make_workspace: Make, catalog_url: str
) -> None:
    w = make_workspace(catalog=catalog_url)
    w.write("mill.md", MILL)
    done = feedback.import_files(w.platform, "main", [log(w, [{"question": "Who?", "shown": "mill.md", "rating": 1}])])
    assert [one.problem for one in done.bad] == [
        "no source of 'main' has a document 'mill.md'; nothing is published yet: run `penstock sync main` first"
    ]
    w.sync()
    again = feedback.import_files(w.platform, "main", [str(w.root / "log.jsonl")])
    assert (again.taken, again.bad) == (1, [])


def test_the_later_of_two_words_of_one_person_counts_and_both_are_kept(w: Workspace) -> None:
    found, id_ = recorded(w)
    ada, ben = Asker(person="ada"), Asker(person="ben")
    for value, who in ((1.0, ada), (1.0, ben), (-1.0, ada), (1.0, None), (-1.0, None)):
        feedback.give(w.platform, id_, Said(Kind.RATING, value=value), who)
    feedback.give(w.platform, id_, Said(Kind.RATING, value=0.5, passage=hit_of(found, "mill.md")), ada)
    feedback.give(w.platform, id_, Said(Kind.COMMENT, text="on second thoughts"), ada)
    assert said(w, "value", "counts") == [
        (1.0, False), (1.0, True), (-1.0, True), (1.0, False), (-1.0, True), (0.5, True), (None, True),
    ]  # fmt: skip


# what is imported


ROWS = [
    {"question": "what is rye?", "shown": ["bread.md"], "rating": "up", "person": "ada"},
    {"question": "what is rye?", "shown": ["bread.md"], "rating": "down"},
    {"question": "what is rye?", "shown": ["bread.md"], "rating": "down"},
    {"question": "what is rye?", "shown": ["docs:bread.md", "mill.md"], "rating": "down", "passage": "mill.md"},
    {"question": "who bakes?", "shown": []},
]


def test_importing_twice_changes_nothing(w: Workspace) -> None:
    path = log(w, ROWS)
    first = feedback.import_files(w.platform, "main", [path])
    assert (first.rows, first.taken, first.interactions, first.feedback, first.bad) == (5, 5, 4, 4, [])
    tables = [read(w.platform, "main").to_pylist() for read in (interactions.read, feedback.read)]
    again = feedback.import_files(w.platform, "main", [path])
    assert (again.interactions, again.known_interactions, again.feedback, again.known_feedback) == (0, 4, 0, 4)
    assert [read(w.platform, "main").to_pylist() for read in (interactions.read, feedback.read)] == tables
    grown = feedback.import_files(w.platform, "main", [log(w, [*ROWS, {**ROWS[0], "rating": "down"}])])
    assert (grown.interactions, grown.feedback) == (0, 1)
    assert sorted(said(w, "value", "chunk_id"), key=str) == [(-1.0, None)] * 4 + [(1.0, None)]


@ON_SQLITE
def test_what_the_mapping_names_and_no_row_has_is_said(w: Workspace) -> None:
    mapping = FeedbackSettings(question="question", shown="shwon", rating="rating")
    done = feedback.import_files(w.platform, "main", [log(w, ROWS)], mapping)
    assert done.warnings == ["shown = 'shwon' found nothing in any row; check its spelling"]


@ON_SQLITE
@pytest.mark.parametrize("edited", ["# Bread\n\nAnd so on.\n\n" + BREAD, "# Bread\n\nThere is none.\n"])
def test_importing_again_after_an_edit_changes_nothing(w: Workspace, edited: str) -> None:
    path = log(w, [{"question": "what is rye?", "shown": ["mill.md"], "right": "bread.md", "right_text": "rye bread"}])
    feedback.import_files(w.platform, "main", [path])
    before = feedback.read(w.platform, "main").to_pylist()
    w.write("bread.md", edited)
    w.sync()
    again = feedback.import_files(w.platform, "main", [path])
    assert (again.feedback, again.known_feedback, again.bad) == (0, 1, [])
    assert feedback.read(w.platform, "main").to_pylist() == before


def test_every_row_is_accounted_for_and_a_bad_one_stops_nothing(w: Workspace) -> None:
    _found, id_ = recorded(w)
    other = "0123456789abcdef0123456789abcdef"
    rows = [
        {"interaction": id_, "rating": "up", "person": "ada"},
        {"interaction": other, "rating": "up"},
        {"question": "what is rye?", "shown": ["rye.md"], "rating": "up"},
        {"question": "what is rye?", "shown": ["bread.md"], "rating": "superb"},
        {"question": "what is rye?", "shown": ["bread.md"], "rating": "up", "passage": "mill.md"},
        {"question": "what is rye?", "shown": ["bread.md"], "comment": "x" * 50_000},
        {"question": "what is rye?", "shown": ["bread.md"], "rating": "up", "lang": "fr"},
    ]
    path = log(w, rows)
    with Path(path).open("a") as file:
        file.write('{"question": \n')
    done = feedback.import_files(w.platform, "main", [path], FeedbackSettings(where="lang != 'fr'"))
    assert (done.rows, done.taken, done.left_out, len(done.bad)) == (8, 1, 1, 6)
    bread = interactions.read(w.platform, "main").num_rows
    assert bread == 1, "a row of which a part is bad leaves nothing behind"
    assert sorted((one.file, one.line) for one in done.bad) == [(path, line) for line in (2, 3, 4, 5, 6, 8)]
    said_of = {one.line: one.problem for one in done.bad}
    assert said_of[2] == (
        f"there is no interaction '{other}': its id is wrong, it was erased, or it is over 90 days old"
    )
    assert said_of[3] == "no source of 'main' has a document 'rye.md'; write its key, or SOURCE:KEY"
    assert said_of[4] == (
        "rating 'superb' will not do; there are: down, up; words of another log are given under ratings"
    )
    assert said_of[5] == "passage 'mill.md' was not shown in this interaction; shown were: docs:bread.md"
    assert said_of[6] == "the comment has 50,000 characters, more than 10,000; shorten it"
    assert said_of[8] == "not JSON: Expecting value: '{\"question\":'"


@pytest.mark.parametrize("id_", ["\ud800", "\0", "x" * 20_000])
def test_an_id_that_no_catalog_can_be_asked_for_is_unknown(w: Workspace, id_: str) -> None:
    done = feedback.import_files(w.platform, "main", [log(w, [{"interaction": id_, "rating": "up"}])])
    with pytest.raises(UsageError) as given:
        feedback.give(w.platform, id_, Said(Kind.COPIED))
    assert [one.problem for one in done.bad] == [str(given.value)]
    assert str(given.value).startswith(f"there is no interaction {short(id_)}: ")


@ON_SQLITE
def test_the_same_log_as_csv_parquet_and_from_a_bucket(w: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"question": "who bakes?", "shown": "bread.md", "rating": "5", "comment": ""}]
    mapping = FeedbackSettings(scale=(1, 5))
    csv = w.root / "log.csv"
    csv.write_text("question,shown,rating,comment\nwho bakes?,bread.md,5,\n")
    parquet.write_table(pa.Table.from_pylist(rows), w.root / "log.parquet")
    with s3_server() as url:
        keep_stores_at(monkeypatch, url)
        client = s3_client(url)
        client.create_bucket(Bucket="logs")
        client.put_object(Bucket="logs", Key="2026/log.jsonl", Body=json.dumps(rows[0]).encode())
        places = [str(csv), str(w.root / "log.parquet"), "s3://logs/2026/log.jsonl"]
        done = feedback.import_files(w.platform, "main", places, mapping)
        assert (done.rows, done.taken, done.bad, done.interactions, done.feedback) == (3, 3, [], 1, 1)
        with pytest.raises(
            UsageError,
            match=r"^s3://logs/none.jsonl cannot be read: there is no such object; check the name, and the AWS",
        ):
            feedback.import_files(w.platform, "main", ["s3://logs/none.jsonl"])
    assert said(w, "value") == [(1.0,)]


@ON_SQLITE
def test_an_interaction_of_another_index_and_an_erased_document_stay_out(w: Workspace) -> None:
    _found, id_ = recorded(w)
    index = w.settings.indexes["main"]
    w.settings = w.settings.model_copy(update={"indexes": {"main": index, "other": index}})
    w.platform = w.open()
    erasure.erase(w.platform, "docs", "bread.md", WHO, "it was asked for")
    rows = [{"interaction": id_, "rating": "up"}, {"question": "who bakes?", "shown": ["bread.md"], "rating": "up"}]
    done = feedback.import_files(w.platform, "other", [log(w, rows)])
    assert [one.problem for one in done.bad] == [
        f"interaction '{id_}' is of index 'main'; import it there",
        "it names a document that was erased; it stays out",
    ]


def test_an_erased_person_does_not_come_back_by_an_old_log(w: Workspace) -> None:
    path = log(w, [{**ROWS[0], "at": "2026-01-01"}, {**ROWS[0], "at": time.time() + 3600}, ROWS[0], ROWS[1]])
    feedback.import_files(w.platform, "main", [path])
    certificate = interactions.erase(w.platform, WHO, "they asked for it", person="ada")
    assert (certificate["interactions_erased"], certificate["feedback_erased"]) == (1, 3)
    done = feedback.import_files(w.platform, "main", [path])
    assert (done.rows, done.taken, done.erased) == (4, 2, 2)
    assert sorted(said(w, "value")) == [(-1.0,), (1.0,)]


def test_what_was_pruned_does_not_come_back_by_the_next_import_of_its_log(w: Workspace) -> None:
    question = {"question": "who bakes?", "shown": ["bread.md"]}
    old = [{**question, "rating": "down", "at": "2020-05-01"}, {**question, "rating": "up"}, ROWS[1]]
    path = log(w, old)
    assert feedback.import_files(w.platform, "main", [path]).taken == 3, "a log of years may be imported"
    with w.platform.catalog.write() as connection:
        connection.execute(update(interactions_table).values(recorded_at=0.0))
    assert interactions.prune(w.platform) == {"interactions": 2, "feedback": 3}
    done = feedback.import_files(w.platform, "main", [path])
    assert (done.rows, done.taken, done.pruned, done.interactions, done.feedback) == (3, 0, 3, 0, 0)
    assert interactions.read(w.platform, "main").num_rows == 0
    new = {**question, "rating": "up", "at": time.time() + 3600}
    done = feedback.import_files(w.platform, "main", [log(w, [*old, new])])
    assert (done.rows, done.taken, done.pruned, done.interactions) == (4, 1, 3, 1)


# the report


def test_the_report_counts_what_is_there(w: Workspace) -> None:
    found, id_ = recorded(w, k=1)
    feedback.give(w.platform, id_, Said(Kind.RATING, value=1.0), Asker(person="ada"))
    feedback.give(w.platform, id_, Said(Kind.RATING, value=-1.0), Asker(person="ada"))
    rows = [
        *({"question": "Where is the key?", "shown": ["mill.md", "bread.md"], "rating": "down", "at": f"2026-05-0{day}",
           "session": str(day), "comment": f"<b>no</b> {day}"} for day in (1, 3)),
        {"question": "where is the  KEY?", "shown": ["bread.md"], "rating": "up", "at": "2026-05-03", "session": "7"},
        {"question": "who bakes?", "shown": ["bread.md", "mill.md"], "rating": "down", "passage": "bread.md",
         "right": "mill.md", "at": "2026-05-04"},
    ]  # fmt: skip
    feedback.import_files(w.platform, "main", [log(w, rows)])
    report = feedback.report(w.platform, "main")
    volumes = report["volumes"]
    assert (volumes["interactions"], volumes["imported"], volumes["searches"]) == (5, 4, 1)
    assert (volumes["with_feedback"], volumes["overtaken"]) == (5, 1)
    assert volumes["feedback"] == {"rating": 5, "comment": 2, "right-passage": 1}
    assert (volumes["rated_up"], volumes["rated_down"], volumes["mean_rating"]) == (1, 3, -0.5)
    assert [(one["question"], one["asked"], one["ratings"], one["sum"]) for one in report["worst"]] == [
        ("Where is the key?", 3, 3, -1.0), ("who grinds barley", 1, 1, -1.0),
    ]  # fmt: skip
    assert report["worst"][0]["remarks"] == ["<b>no</b> 1", "<b>no</b> 3"]
    first_key = found.hits[0].key
    of = {one["document"]: one for one in report["documents"]}
    assert (of["docs:bread.md"]["ratings"], of["docs:bread.md"]["mean"]) == (2 + (first_key == "bread.md"), 0.0)
    assert (of["docs:bread.md"]["beside_others_down"], of["docs:mill.md"]["beside_others_down"]) == (2, 2)
    assert of["docs:mill.md"]["named_as_right"] == 1
    assert sum(one["ratings"] for one in report["ratings"]) == 4
    assert {topic["topic"].casefold() for topic in report["topics"]} == {"where is the key?", "who grinds barley"}
    drawn = page(report)
    assert "5 ratings, 2 comments, 1 right-passage" in drawn
    assert "&lt;b&gt;no&lt;/b&gt; 1" in drawn
    assert "<b>no</b>" not in drawn
    assert "http" not in drawn.replace("http://www.w3.org", "")


@ON_SQLITE
def test_a_rating_of_the_one_passage_that_was_shown_is_of_the_whole(w: Workspace) -> None:
    """A log of single passages, each of them rated, told of 1,296 ratings and that no question was rated down."""
    rated = {"rating": "down", "passage": "bread.md", "at": "2026-05-04"}
    rows = [
        {"question": "who bakes?", "shown": ["bread.md"], **rated},
        {"question": "who grinds?", "shown": ["bread.md", "mill.md"], **rated},
    ]
    feedback.import_files(w.platform, "main", [log(w, rows)])
    report = feedback.report(w.platform, "main")
    assert [(one["question"], one["sum"]) for one in report["worst"]] == [("who bakes?", -1.0)]
    assert [(one["from"], one["down"]) for one in report["ratings"]] == [("2026-05-04", 1)]
    assert [one["topic"] for one in report["topics"]] == ["who bakes?"]
    assert (report["volumes"]["rated_down"], report["volumes"]["mean_rating"]) == (1, -1.0)
    (bread,) = (one for one in report["documents"] if one["document"] == "docs:bread.md")
    assert (bread["ratings"], bread["mean"]) == (2, -1.0)


@pytest.mark.parametrize("periods", [1, 62, 105, 300])
def test_the_chart_is_no_wider_than_its_page(periods: int) -> None:
    made = chart([{"from": "2026-05-01", "silence_before": 9, "ratings": 3, "up": 2, "down": 1}] * periods)
    assert (made["up"], made["down"], made["width"] <= WIDTH) == (2, 1, True)
    assert made["axis"] <= made["bars"][0]["x"]
    assert made["bars"][-1]["x"] + made["bar"] <= made["width"]


@ON_SQLITE
def test_a_wrong_date_makes_the_course_of_the_ratings_no_longer(w: Workspace) -> None:
    times = ["1996-05-04", "2026-05-01", "2026-05-03", "2026-05-03"]
    rows = [
        {"question": "who bakes?", "shown": ["bread.md"], "rating": "up", "person": str(nth), "at": at}
        for nth, at in enumerate(times)
    ]
    feedback.import_files(w.platform, "main", [log(w, rows)])
    course = feedback.report(w.platform, "main", topics=False)["ratings"]
    assert [(one["period"], one["from"], one["silence_before"], one["up"]) for one in course] == [
        ("day", "1996-05-04", 0, 1), ("day", "2026-05-01", 10_953, 1), ("day", "2026-05-02", 0, 0),
        ("day", "2026-05-03", 0, 2),
    ]  # fmt: skip
    assert "An empty place is a long time without any." in page(feedback.report(w.platform, "main", topics=False))


@ON_SQLITE
def test_the_report_of_nothing(w: Workspace) -> None:
    report = feedback.report(w.platform, "main")
    assert (report["volumes"]["interactions"], report["worst"], report["topics"], report["documents"]) == (
        0,
        [],
        [],
        [],
    )
    assert "Nobody has said anything yet." in page(report)
    assert "Not asked for." not in page(report)
    assert "Not asked for." in page(feedback.report(w.platform, "main", topics=False))


@ON_SQLITE
def test_the_sample_log_is_whole(w: Workspace) -> None:
    """The log of the samples, on documents of the same keys."""
    path = Path(__file__).parents[2] / "include" / "samples" / "feedback.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        for key in (*row["shown"], *([row["right"]] if "right" in row else [])):
            handbook = path.parent / "handbook" / key
            assert handbook.exists(), key
            w.write(key, handbook.read_bytes() if handbook.suffix == ".md" else f"# {key}\n")
    w.sync()
    done = feedback.import_files(w.platform, "main", [str(path)])
    assert (done.rows, done.taken, done.bad) == (len(rows), len(rows), [])
    assert sorted(said(w, "counts")).count((False,)) == 1, "one reader changes his mind"
