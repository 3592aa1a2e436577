"""Answers kept as interactions: whole, broken off, refused, unkept; and without the words of what was erased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from penstock import answers, erasure, interactions
from penstock.answers import Claimed, Ended, Reading
from penstock.catalog import Catalog
from penstock.errors import StoreError, TransientModelError
from penstock.interactions import Asker
from penstock.settings import AnswerSettings, GeneratorSettings
from support.chat_models import claim
from support.model_api import CHAT_MODEL, Fault, ModelApi
from support.traces import in_catalog, in_files
from support.workspace import WHO, Workspace

WORD = "quetzalcoatl"
ADA = Asker(("group:hr",), "ada", "s-1")


@pytest.fixture
def w(workspace: Workspace, api: ModelApi) -> Workspace:
    workspace.write("mill.md", f"# Mill\n\nThe {WORD} grinds barley. The mill stands by the weir.\n")
    workspace.write("eel.md", "# Eel\n\nThe eel swims past the weir.\n")
    workspace.sync()
    return workspace


def events(w: Workspace, api: ModelApi, question: str = "Who grinds barley?", **needed: float) -> Iterator[Any]:
    generator = GeneratorSettings(backend="openai", model=CHAT_MODEL, base_url=f"{api.url}/v1", tries=1)
    settings = AnswerSettings(generator=generator, min_confidence=needed.get("needed", 0.0))
    return answers.recorded(w.platform, answers.stream(w.platform, "main", question, settings=settings), ADA)


def kept(w: Workspace) -> list[dict[str, Any]]:
    return interactions.read(w.platform, "main").to_pylist()


def test_an_answer_whose_session_is_erased_under_way_is_not_kept(w: Workspace, api: ModelApi) -> None:
    stream = events(w, api)
    next(stream)
    interactions.erase(w.platform, WHO, "they asked for it", session="s-1")
    answers.last(stream)
    assert kept(w) == []


def test_an_answer_is_kept_whole_before_it_ends(w: Workspace, api: ModelApi) -> None:
    stream = events(w, api)
    reading = next(stream)
    assert kept(w) == []
    ended = answers.last(stream)
    answer = ended.answer
    (row,) = kept(w)
    assert isinstance(reading, Reading)
    assert (row["id"], row["query"], row["release"]) == (ended.interaction, "Who grinds barley?", 1)
    assert (row["generator"], row["mode"]) == (f"openai {CHAT_MODEL}", "hybrid")
    assert row["embedder"] == reading.found.setup.embedder
    assert (row["answer"], row["refused"], row["broken_off"]) == (answer.text, False, None)
    assert row["confidence"] == answer.confidence
    assert [one["chunk_id"] for one in row["shown"]] == [id_ for one in answer.passages for id_ in one.chunks]
    names = ("document_id", "revision", "start", "end")
    cited = [(one["quote"], *(one[name] for name in names)) for one in row["citations"]]
    assert cited == [(one.text, *(getattr(one, name) for name in names)) for one in answer.quotes]
    assert all(one["chunk_id"] in {hit.chunk_id for hit in reading.found.hits} for one in row["citations"])
    assert [one["chunk_id"] for one in row["candidates"]] == [one.chunk_id for one in reading.found.candidates]
    assert dict(row["timings_ms"]) == {one.name: one.ms for one in answer.stages}
    assert {"embed", "search", "confidence", "generate"} <= dict(row["timings_ms"]).keys()
    assert None not in (row["principals"], row["person"], row["session"])


def test_a_refusal_is_kept_as_one(w: Workspace, api: ModelApi) -> None:
    ended = answers.last(events(w, api, "How is a quasar spun?", needed=0.99))
    (row,) = kept(w)
    assert (row["refused"], row["answer"], row["citations"], row["generator"]) == (True, None, [], None)
    assert row["confidence"] == ended.answer.confidence < 0.99
    assert row["shown"], "a reader is shown the nearest passages"


def test_a_claim_without_a_source_is_kept_marked(w: Workspace, api: ModelApi) -> None:
    api.writes = lambda _body: claim("The mill is sold.") + claim("So.", (1, "The mill stands by the weir."))
    ended = answers.last(events(w, api))
    (row,) = kept(w)
    assert row["answer"] == ended.answer.text == "The mill is sold. [no source] So."


def test_a_reader_who_goes_away_leaves_what_was_shown(w: Workspace, api: ModelApi) -> None:
    stream = events(w, api)
    events_seen = [next(stream), next(stream)]
    assert isinstance(events_seen[1], Claimed)
    stream.close()
    (row,) = kept(w)
    assert (row["broken_off"], row["refused"]) == ("reader", False)
    assert row["answer"] == events_seen[1].claim.text
    assert [one["quote"] for one in row["citations"]] == [one.text for one in events_seen[1].quotes]


def test_who_hears_the_end_is_not_kept_twice(w: Workspace, api: ModelApi) -> None:
    stream = events(w, api)
    assert isinstance([next(stream) for _ in range(4)][-1], Ended)
    stream.close()
    assert [row["broken_off"] for row in kept(w)] == [None]


def test_an_answer_that_nobody_began_to_read_is_none(w: Workspace, api: ModelApi) -> None:
    stream = events(w, api)
    stream.close()
    assert kept(w) == []


def test_a_generator_that_fails_is_kept_with_what_it_said(w: Workspace, api: ModelApi) -> None:
    api.writes = lambda _body: claim("So.", (1, "The mill stands by the weir.")) + " " * 500
    api.faults.append(Fault(cut=True))
    assert answers.last(events(w, api)).answer.broken_off is not None
    api.faults.append(Fault(503, {"message": "busy"}))
    with pytest.raises(TransientModelError, match="busy"):
        answers.last(events(w, api))
    first, second = kept(w)
    assert (first["answer"], first["broken_off"]) == ("So.", "generator")
    assert (second["answer"], second["broken_off"], second["refused"]) == (None, "generator", False)
    assert second["shown"]


def test_a_reader_is_answered_though_the_catalog_takes_nothing(
    w: Workspace, api: ModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def full(self: Catalog, durable: bool = False, **_wait: Any) -> Iterator[Connection]:
        raise StoreError("the catalog is full")
        yield

    w.platform.recorder.digests  # noqa: B018 - the key is made before
    with monkeypatch.context() as patch, capture_logs() as said:
        patch.setattr(Catalog, "write", full)
        ended = answers.last(events(w, api))
    assert ended.answer.quotes
    assert ended.interaction is None
    assert [(one["log_level"], one["index"], one["error"]) for one in said if one["log_level"] == "error"] == [
        ("error", "main", "the catalog is full")
    ]
    assert kept(w) == []


def test_an_erased_document_leaves_answers_kept_before_and_while_it_is_erased(w: Workspace, api: ModelApi) -> None:
    whole, under_way, left = (events(w, api) for _ in range(3))
    assert WORD in answers.last(whole).answer.text
    assert WORD in [next(under_way), next(under_way)][1].claim.text
    assert WORD in [next(left), next(left)][1].claim.text
    erasure.erase(w.platform, "docs", "mill.md", WHO, "asked for")
    assert answers.last(under_way).interaction is not None
    left.close()
    rows = kept(w)
    assert len(rows) == 3
    for row in rows:
        assert (row["answer"], row["redacted"]) == (None, True)
        assert row["citations"]
        assert {one["quote"] for one in row["citations"]} == {None}
    w.platform.close()
    assert in_catalog(w, WORD) == []
    assert in_files(w, WORD) == []
