"""What was asked and shown is written down before the answer leaves, can be read, and can be forgotten."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from sqlalchemy import func, select, update

from penstock import erasure, feedback, inspection, interactions
from penstock.catalog.schema import documents
from penstock.catalog.schema import interactions as table
from penstock.errors import StoreError, TransientError, UsageError
from penstock.feedback import Kind, Said
from penstock.interaction_settings import InteractionSettings
from penstock.interactions import Answered, Asker, Quote
from penstock.retrieval import Found, search
from support.traces import in_catalog, in_files
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
WORD = "quetzalcoatl"
MILL = "# Mill\n\nThe miller grinds barley in the old mill.\n"
PLAN = f"# Plan\n\nThe {WORD} nests below the weir, and nobody may go there before June.\n"
ASKER = Asker(("group:hr",), f"ada.{WORD}@example.org", f"session-{WORD}")
ON_SQLITE = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
"""Of tests of what no database changes."""


@pytest.fixture
def w(make_workspace: Make, catalog_url: str) -> Workspace:
    made = make_workspace(catalog=catalog_url)
    made.write("mill.md", MILL)
    made.write("plan.md", PLAN)
    made.sync()
    return made


def asked(w: Workspace, text: str = "who grinds barley") -> Found:
    return search(w.platform, "main", text)


def answered(found: Found, key: str, text: str) -> Answered:
    hit = next(hit for hit in found.hits if hit.key == key)
    quote = Quote(hit.document_id, hit.revision, hit.start, hit.end, hit.text, hit.chunk_id)
    return Answered(text, (quote,), generator="extractive", shown=(hit.chunk_id,))


def keep(w: Workspace, **settings: Any) -> None:
    w.settings = w.settings.model_copy(update={"interactions": InteractionSettings(**settings)})
    w.platform = w.open()


def count(w: Workspace) -> int:
    with w.platform.catalog.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def test_an_interaction_holds_all_of_it_and_names_nobody(w: Workspace, tmp_path: Path) -> None:
    found = asked(w)
    before = datetime.now(UTC)
    id_ = interactions.record(w.platform, found, ASKER, answered(found, "mill.md", "The miller."), {"generate": 1.5})
    searched = interactions.record(w.platform, found)
    assert id_ != searched
    path = tmp_path / "log.parquet"
    assert interactions.export(w.platform, "main", path) == 2
    for log in (interactions.read(w.platform, "main"), parquet.read_table(path)):
        one, other = log.to_pylist()
        assert (one["id"], one["index"], one["release"], one["query"]) == (id_, "main", 1, "who grinds barley")
        assert before <= one["at"] <= datetime.now(UTC)
        assert (one["mode"], one["generator"], one["answer"], one["refused"]) == (
            "hybrid", "extractive", "The miller.", False,
        )  # fmt: skip
        assert [c["chunk_id"] for c in one["candidates"]] == [c.chunk_id for c in found.candidates]
        assert [c["score"] for c in one["candidates"]] == pytest.approx([c.score for c in found.candidates], rel=1e-5)
        assert [s["chunk_id"] for s in other["shown"]] == [hit.chunk_id for hit in found.hits]
        assert [s["chunk_id"] for s in one["shown"]] == [one["citations"][0]["chunk_id"]]
        assert one["citations"][0]["quote"] in MILL
        assert {"embed", "search", "generate"} <= dict(one["timings_ms"]).keys()
        assert one["query_digest"] == other["query_digest"]
        assert (other["refused"], other["answer"], other["person"], other["session"]) == (None,) * 4
    assert set(in_catalog(w, f"ada.{WORD}") + in_catalog(w, f"session-{WORD}")) == set()


@ON_SQLITE
def test_the_time_bounds_and_the_index_hold(w: Workspace) -> None:
    interactions.record(w.platform, asked(w))
    now = datetime.now(UTC)
    assert interactions.read(w.platform, "main", until=now).num_rows == 1
    assert interactions.read(w.platform, "main", since=now).num_rows == 0
    with pytest.raises(UsageError, match="unknown index 'mian'; did you mean 'main'"):
        interactions.read(w.platform, "mian")


@ON_SQLITE
def test_less_is_kept_where_less_is_wanted(w: Workspace) -> None:
    keep(w, keep_queries=False, keep_answers=False)
    found = asked(w, f"where is the {WORD} weir")
    interactions.record(w.platform, found, None, answered(found, "plan.md", f"Where the {WORD} nests."))
    (one,) = interactions.read(w.platform, "main").to_pylist()
    assert (one["query"], one["answer"], one["citations"][0]["quote"]) == (None, None, None)
    assert one["citations"][0]["end"] > one["citations"][0]["start"]
    assert "interactions" not in in_catalog(w, WORD)


def test_what_no_database_keeps_is_kept_as_far_as_it_can_be(w: Workspace) -> None:
    found = replace(asked(w), query="a\0b\ud800" + "c" * 20_000)
    interactions.record(w.platform, found)
    query = interactions.read(w.platform, "main")["query"][0].as_py()
    assert query.startswith("a\ufffdb\ufffdccc")
    assert len(query) == 10_000


def test_threads_share_transactions_and_lose_nothing(w: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    found, commits, ids = asked(w), [], []
    write = type(w.platform.catalog).write
    w.platform.recorder.digests  # noqa: B018 - the key is made before they start

    def counted(self: Any, durable: bool = False, **_wait: Any) -> Any:
        commits.append(durable)
        return write(self, durable, **_wait)

    monkeypatch.setattr(type(w.platform.catalog), "write", counted)

    def ask() -> None:
        for _ in range(20):
            ids.append(interactions.record(w.platform, found))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(set(ids)) == count(w) == 160
    assert all(commits)
    assert len(commits) < 160, "eight threads never met"


@ON_SQLITE
def test_everybody_in_a_transaction_that_fails_hears_of_it(w: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    found, said, full = asked(w), [], threading.Event()
    recorder = w.platform.recorder
    recorder.digests  # noqa: B018

    def fail(self: Any, durable: bool = False, **_wait: Any) -> Any:
        full.wait(10)
        raise TransientError("the catalog is away")

    def ask() -> None:
        with pytest.raises(TransientError, match=r"^the catalog is away$"):
            interactions.record(w.platform, found)
        said.append(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    with monkeypatch.context() as patch:
        patch.setattr(type(w.platform.catalog), "write", fail)
        for one in threads:
            one.start()
        full.set()
        for one in threads:
            one.join()
    assert len(said) == 4
    assert count(w) == 0
    interactions.record(w.platform, found)
    assert count(w) == 1


@ON_SQLITE
def test_an_interrupted_writer_leaves_nobody_in_doubt(w: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes for the others is interrupted: it sees that, and they an error that says so."""
    found, recorder = asked(w), w.platform.recorder
    recorder.digests  # noqa: B018
    begun, go = threading.Event(), threading.Event()
    heard: list[BaseException] = []

    def interrupted(self: Any, durable: bool = False, **_wait: Any) -> Any:
        begun.set()
        go.wait(10)
        raise KeyboardInterrupt

    def ask() -> None:
        try:
            interactions.record(w.platform, found)
        except (KeyboardInterrupt, StoreError) as error:
            heard.append(error)

    with monkeypatch.context() as patch:
        patch.setattr(type(w.platform.catalog), "write", interrupted)
        first = threading.Thread(target=ask)
        first.start()
        assert begun.wait(10)
        go.set()
        first.join()
    assert [type(one) for one in heard] == [KeyboardInterrupt]
    interactions.record(w.platform, found)
    assert count(w) == 1


def test_old_interactions_go_with_what_was_said_of_them(w: Workspace) -> None:
    old, new = interactions.record(w.platform, asked(w)), interactions.record(w.platform, asked(w))
    for one in (old, new):
        feedback.give(w.platform, one, Said(Kind.RATING, value=1.0))
    keep(w, keep_days=30)
    long_ago = (datetime.now(UTC) - timedelta(days=31)).timestamp()
    with w.platform.catalog.write() as connection:
        connection.execute(update(table).where(table.c.id == old).values(recorded_at=long_ago))
    assert interactions.prune(w.platform) == {"interactions": 1, "feedback": 1}
    assert interactions.prune(w.platform) == {"interactions": 0, "feedback": 0}
    assert interactions.read(w.platform, "main")["id"].to_pylist() == [new]
    assert feedback.read(w.platform, "main")["interaction_id"].to_pylist() == [new]
    with pytest.raises(UsageError, match=f"^there is no interaction '{old}': its id is wrong, it was erased"):
        feedback.give(w.platform, old, Said(Kind.RATING, value=1.0))


@pytest.mark.parametrize("kind", ["person", "session"])
def test_a_person_or_a_session_is_forgotten_to_the_last_byte(w: Workspace, kind: str) -> None:
    mine = interactions.record(w.platform, asked(w, f"may I see the {WORD} contract"), ASKER)
    other = interactions.record(w.platform, asked(w), Asker((), "ben", "session-b"))
    feedback.give(w.platform, mine, Said(Kind.COMMENT, text=f"this is about the {WORD}"), Asker((), "ben"))
    feedback.give(w.platform, other, Said(Kind.COMMENT, text=f"I need the {WORD}"), ASKER)
    assert {"interactions", "feedback"} <= set(in_catalog(w, WORD))
    named = {kind: getattr(ASKER, kind)}
    with pytest.raises(UsageError, match=f"^the reason names the {kind}, and reasons are kept for ever"):
        interactions.erase(w.platform, WHO, f"asked by {named[kind]}", **named)
    certificate = interactions.erase(w.platform, WHO, "they asked for it", **named)
    assert certificate == {
        "erased": kind, "interactions_erased": 1, "feedback_erased": 2, "decision": certificate["decision"],
        "training_examples_erased": 0, "training_sets": [], "models_trained_on_them": [],
    }  # fmt: skip
    assert [(one["what"], one["why"]) for one in inspection.log(w.platform)] == [(f"erase-{kind}", "they asked for it")]
    assert interactions.read(w.platform, "main")["id"].to_pylist() == [other]
    w.platform.close()
    assert in_catalog(w, WORD) == []
    assert [name for name in in_files(w, WORD) if "/catalog.db" in name] == []


@pytest.mark.parametrize("kind", ["person", "session"])
def test_what_is_under_way_while_its_asker_is_erased_is_not_written_after(w: Workspace, kind: str) -> None:
    under_way = replace(ASKER, at=time.time())
    found = asked(w, f"may I see the {WORD} contract")
    of_another = interactions.record(w.platform, asked(w))
    interactions.erase(w.platform, WHO, "they asked for it", **{kind: getattr(ASKER, kind)})
    interactions.record(w.platform, found, under_way)
    with pytest.raises(UsageError, match=r"^it is not kept: whoever says it was erased just now; say it again to have"):
        feedback.give(w.platform, of_another, Said(Kind.COMMENT, text=f"the {WORD}"), under_way)
    assert interactions.read(w.platform, "main")["id"].to_pylist() == [of_another]
    asked_later = interactions.record(w.platform, asked(w), ASKER)
    feedback.give(w.platform, asked_later, Said(Kind.RATING, value=1.0), ASKER)
    assert interactions.read(w.platform, "main")["id"].to_pylist() == [of_another, asked_later]
    w.platform.close()
    assert in_catalog(w, WORD) == []


@ON_SQLITE
def test_whom_to_forget_must_be_said(w: Workspace) -> None:
    for named in ({}, {"person": "ada", "session": "s"}, {"person": " "}):
        with pytest.raises(UsageError, match=r"^name whose questions to forget: either a person or a session"):
            interactions.erase(w.platform, WHO, "they asked for it", **named)


@ON_SQLITE
def test_a_short_name_is_no_part_of_a_word_and_one_that_nobody_knows_is_said(w: Workspace) -> None:
    with pytest.raises(UsageError, match=r"^the reason names the person"):
        interactions.erase(w.platform, WHO, "so that A is gone", person="a")
    assert interactions.erase(w.platform, WHO, "they asked for it", person="a")["note"] == (
        "nothing is kept of this person: check the spelling; whom an API key names is kept as KEYNAME:person"
    )


def test_an_erased_documents_words_leave_questions_answers_and_remarks(w: Workspace) -> None:
    about_it, beside = asked(w, "what nests below the weir"), asked(w)
    told = interactions.record(
        w.platform, about_it, None, answered(about_it, "plan.md", f"The {WORD} nests there, in short.")
    )
    quoted = interactions.record(w.platform, asked(w, f"is 'The {WORD} nests below the weir, and nobody' true?"))
    plain = interactions.record(w.platform, beside, None, answered(beside, "mill.md", "The miller grinds it."))
    for text in (
        f"It says: the  {WORD.upper()} nests below the weir, and NOBODY may go",
        "as plan.md says",
        "too long",
    ):
        feedback.give(w.platform, told, Said(Kind.COMMENT, text=text))
    certificate = erasure.erase(w.platform, "docs", "plan.md", WHO, "it was asked for")
    assert WORD not in json.dumps(certificate)
    assert (certificate["interactions_redacted"], certificate["feedback_redacted"]) == (2, 2)
    rows = {row["id"]: row for row in interactions.read(w.platform, "main").to_pylist()}
    assert (rows[told]["answer"], rows[told]["citations"][0]["quote"], rows[told]["redacted"]) == (None, None, True)
    assert rows[told]["query"] == "what nests below the weir"
    assert (rows[quoted]["query"], rows[quoted]["redacted"]) == (None, True)
    assert (rows[plain]["answer"], rows[plain]["redacted"]) == ("The miller grinds it.", False)
    assert rows[plain]["citations"][0]["quote"] in MILL
    assert feedback.read(w.platform, "main")["text"].to_pylist() == [None, "as (erased) says", "too long"]
    w.platform.close()
    assert in_catalog(w, WORD) == []
    assert in_files(w, WORD) == []


def test_an_answer_under_way_while_its_document_is_erased_is_kept_without_its_words(w: Workspace) -> None:
    found = asked(w, "what nests below the weir")
    answer = answered(found, "plan.md", f"The {WORD} nests.")
    erasure.erase(w.platform, "docs", "plan.md", WHO, "it was asked for")
    interactions.record(w.platform, found, None, answer)
    (one,) = interactions.read(w.platform, "main").to_pylist()
    assert (one["answer"], one["citations"][0]["quote"], one["redacted"]) == (None, None, True)
    with w.platform.catalog.read() as connection:
        assert connection.execute(select(documents.c.key).where(documents.c.erased_at.is_not(None))).scalar() is None
    w.platform.close()
    assert in_catalog(w, WORD) == []
