"""Searches through the whole pipeline of a real index: what each stage does, and what it says that it did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from penstock import display
from penstock.chunking import embedding_text
from penstock.errors import UsageError
from penstock.retrieval import Found, search
from penstock.settings import ChunkerSettings, LocalRerankerSettings, RetrievalSettings
from support.cross_encoders import write
from support.model_api import RERANK_MODEL, Fault, ModelApi, model_api, use_our_key
from support.workspace import Workspace

Make = Callable[..., Workspace]
WEIR = """\
# Weir

The weir holds the river back so that the wheel turns. It was built of oak.

## Gates

A gate opens when the river rises.
"""


@pytest.fixture
def w(make_workspace: Make) -> Workspace:
    made = make_workspace()
    made.write("weir.md", WEIR)
    made.write("copy.md", WEIR)
    made.write("wheel.md", "# Wheel\n\nThe wheel turns when the river is high, and drives the stones.\n")
    made.write("eel.md", "# Eel\n\nEels climb the ladder in spring.\n")
    assert made.sync().state == "published"
    return made


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelApi]:
    use_our_key(monkeypatch)
    with model_api() as server:
        yield server


def asked(w: Workspace, text: str = "what holds the river back", **settings: Any) -> Found:
    return search(w.platform, "main", text, k=4, retrieval=RetrievalSettings(**settings))


def reranked(api: ModelApi) -> dict[str, Any]:
    return {"model": RERANK_MODEL, "base_url": api.url, "tries": 1}


@pytest.mark.parametrize("blank", ["", " \n", "\0\x01", "\u200b\ufeff", "\ud800", "\u2800"])
def test_a_question_that_shows_nothing_is_refused(w: Workspace, blank: str) -> None:
    with pytest.raises(UsageError, match=r"^the question is blank; write some words to search for$"):
        asked(w, blank)


def test_a_text_in_two_documents_is_one_hit_that_names_both(w: Workspace) -> None:
    found = asked(w)
    places = [{hit.key, *(also.key for also in hit.also)} for hit in found.hits]
    assert places[0] == {"weir.md", "copy.md"}
    assert len([hit for hit in asked(w, collapse=False).hits if hit.text == found.hits[0].text]) == 2


def test_a_copy_that_the_reader_may_not_see_is_not_named(w: Workspace) -> None:
    w.allow("copy.md", ["group:millers"])
    w.sync()
    assert {also.key for hit in asked(w).hits for also in hit.also} == set()


def test_a_hit_is_cited_by_its_exact_span_and_read_in_its_passage(w: Workspace) -> None:
    found = asked(w, neighbours=1)
    assert found.passages
    for hit in found.hits:
        passage = next(one for one in found.passages if hit.chunk_id in one.chunks)
        assert hit.text in passage.text
        assert passage.start <= hit.start < hit.end <= passage.end
        assert passage.text[hit.start - passage.start : hit.end - passage.start] == hit.text
        assert (passage.revision, passage.key) == (hit.revision, hit.key)


def test_each_stage_says_what_it_left_and_how_long_it_took(w: Workspace) -> None:
    found = asked(w)
    assert [stage.name for stage in found.stages] == [
        "embed", "search", "text", "vector", "fused", "collapse", "rerank", "cite", "join",
    ]  # fmt: skip
    by_name = {stage.name: stage for stage in found.stages}
    assert set(by_name["text"].chunks) | set(by_name["vector"].chunks) == set(by_name["fused"].chunks)
    assert by_name["search"].note == "6 candidates, hybrid"
    assert by_name["collapse"].note == "2 near-duplicates"
    assert by_name["rerank"].note == "off"
    off = {stage.name: stage.note for stage in asked(w, collapse=False, neighbours=0).stages}
    assert (off["collapse"], off["join"].endswith(" passages, neighbours off")) == ("off", True)
    assert by_name["collapse"].chunks == tuple(hit.chunk_id for hit in found.hits)
    assert all(stage.ms >= 0 for stage in found.stages)


@pytest.mark.parametrize("mode", ["text", "vector"])
def test_one_search_alone_has_no_other(w: Workspace, mode: str) -> None:
    found = asked(w, mode=mode)
    assert [stage.name for stage in found.stages][:3] == ["embed", "search", mode]
    assert all(list(hit.scores) == [mode] for hit in found.hits)


def test_the_reranker_has_the_last_word_on_the_order(w: Workspace, api: ModelApi) -> None:
    plain = asked(w, "eels ladder spring river")
    found = asked(w, "eels ladder spring river", rerank=reranked(api))
    assert found.hits[0].key == "eel.md"
    assert found.hits[0].score == 0.75
    assert {hit.chunk_id for hit in found.hits} == {hit.chunk_id for hit in plain.hits}
    assert api.asked[0].body["documents"][0].startswith(("Weir", "Eel", "Wheel")), "with the headings it stands under"
    assert next(stage for stage in found.stages if stage.name == "rerank").note == f"by {RERANK_MODEL}"


def test_while_the_reranker_does_not_answer_the_order_stays_and_the_trace_says_so(w: Workspace, api: ModelApi) -> None:
    api.faults.append(Fault(503, {"message": "no time"}))
    found = asked(w, rerank=reranked(api))
    assert [hit.chunk_id for hit in found.hits] == [hit.chunk_id for hit in asked(w).hits]
    assert next(stage for stage in found.stages if stage.name == "rerank").note.startswith("left out: ")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(401, {"message": "wrong key"}), "401: wrong key"),
        (Fault(spoil=lambda _: {"results": []}), "0 results where "),
    ],
)
def test_a_reranker_that_answers_nothing_useful_is_left_out_and_named_nowhere(
    w: Workspace, api: ModelApi, fault: Fault, said: str
) -> None:
    api.faults.append(fault)
    with structlog.testing.capture_logs() as logged:
        found = asked(w, rerank=reranked(api))
    assert [hit.chunk_id for hit in found.hits] == [hit.chunk_id for hit in asked(w).hits]
    stage = next(stage for stage in found.stages if stage.name == "rerank")
    assert (stage.left_out, said in stage.note, found.setup.reranker) == (True, True, None)
    assert [(one["event"], one["log_level"]) for one in logged] == [("search.rerank_left_out", "error")]


def test_a_local_cross_encoder_reranks_and_is_named_by_its_files(w: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: there is nothing to make a model with")
    model = write(tmp_path / "tiny", "Bert")
    question = "the river at dawn"
    found = asked(w, question, rerank={"backend": "local", "model": str(model)})
    reranker = w.platform.reranker(LocalRerankerSettings(backend="local", model=str(model)))
    texts = [embedding_text(hit, ChunkerSettings()) for hit in found.hits]
    assert [hit.score for hit in found.hits] == [one.score for one in reranker.rerank(question, texts).hits]
    assert found.setup.reranker == reranker.name
    assert next(stage for stage in found.stages if stage.name == "rerank").note == f"by {reranker.name}"


def test_explain_draws_the_places_after_each_stage(w: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    found = asked(w)
    display.explained(found.to_dict())
    out = capsys.readouterr().out
    assert "text  vector  fused  collapse" in out
    first = found.hits[0]
    assert f"as good as docs:{first.key}" in out
    for hit in found.hits:
        assert sum(hit.chunk_id[:8] in line and f"docs:{hit.key}" in line for line in out.splitlines()) == 1
