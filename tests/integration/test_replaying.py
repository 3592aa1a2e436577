"""A log that is replayed under several settings finds what a search under each would find, and asks everything once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock.errors import TransientModelError
from penstock.evaluation.asking import Answer, Side, ask, ask_under
from penstock.evaluation.questions import Question
from penstock.progress import Progress
from penstock.retrieval.questions import QuestionVectors
from penstock.settings import ApiEmbedderSettings, RetrievalSettings
from support.model_api import COHERE_MODEL, DIMENSION, RERANK_MODEL, Fault, ModelApi, model_api, use_our_key
from support.workspace import Workspace

Make = Callable[..., Workspace]
SUBJECTS = ("barley", "canal", "dam", "eel", "flood", "gauge", "heron", "ice", "jetty", "keel", "lock", "mill")
SETTINGS = (
    RetrievalSettings(candidates=6),
    RetrievalSettings(candidates=6, vector_weight=0.2),
    RetrievalSettings(candidates=6, mode="text"),
    RetrievalSettings(candidates=6, mode="vector"),
    RetrievalSettings(candidates=9, collapse=False),
)
QUESTIONS = (
    Question("one", "what the heron eats, and the eel", {"any": 1}),
    Question("two", "where ice lies on the canal", {"any": 1}, principals=("group:locks",)),
    Question("three", "the mill", {"any": 1}, where={"key": "mill.md"}),
    Question("four", "who is in team A", {"any": 1}, where={"staff": "A"}),
)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelApi]:
    use_our_key(monkeypatch)
    with model_api() as server:
        yield server


@pytest.fixture
def w(make_workspace: Make, api: ModelApi) -> Workspace:
    """Documents of which some are alike and some are for a few, embedded by a model that counts what it is asked."""
    made = make_workspace()
    for nth, subject in enumerate(SUBJECTS):  # each of its own length, as equal scores come in any order
        more = " and".join(f" {word}" for word in ("winter", "summer", "autumn", *("spring" for _ in range(2 * nth))))
        page = f"# The {subject}\n\nThis page tells of the {subject} and of nothing else, in{more}.\n"
        made.write(f"{subject}.md", page)
        made.write(f"copies/{subject}.md", page + "Yes.\n")
    made.allow("lock.md", ["group:locks"])
    embedder = {"backend": "cohere", "model": COHERE_MODEL, "dimension": DIMENSION, "base_url": api.url, "tries": 1}
    made.change_index(embedder=ApiEmbedderSettings.model_validate(embedder))
    assert made.sync().state == "published"
    return made


def reranked(api: ModelApi) -> RetrievalSettings:
    rerank = {"model": RERANK_MODEL, "base_url": api.url, "tries": 1}
    return RetrievalSettings.model_validate({"candidates": 6, "rerank": rerank, "rerank_depth": 4})


def replayed(w: Workspace, settings: list[RetrievalSettings], **options: Any) -> list[dict[str, Answer]]:
    return ask_under(w.platform, "main", 1, settings, QUESTIONS, Progress(), **options)


def test_each_of_the_settings_finds_what_a_search_under_it_finds(w: Workspace, api: ModelApi) -> None:
    settings = [*SETTINGS, reranked(api)]
    alone = [ask(w.platform, "main", Side(1, one), QUESTIONS, lenient=True) for one in settings]
    assert replayed(w, settings) == alone
    assert [sorted(one) for one in alone] == [["one", "three", "two"]] * len(settings)
    assert len({answers["one"].documents for answers in alone}) > 3, "settings that all find the same prove little"


def test_a_question_is_embedded_once_whatever_it_is_asked_for(w: Workspace, api: ModelApi) -> None:
    before, vectors = len(api.asked), QuestionVectors(w.platform)
    for _ in range(2):
        replayed(w, list(SETTINGS), vectors=vectors)
    assert len(api.asked) - before == 3


def test_settings_that_need_no_vector_ask_for_none(w: Workspace, api: ModelApi) -> None:
    before = len(api.asked)
    settings = [RetrievalSettings(mode="text", candidates=6), RetrievalSettings(mode="text", candidates=3)]
    deep, flat = replayed(w, settings)
    assert len(api.asked) == before
    assert deep["three"] == flat["three"]


def test_a_reranker_that_does_not_answer_is_no_figure(w: Workspace, api: ModelApi) -> None:
    api.faults += [Fault(200, {}), Fault(500, {"message": "no"})]
    with pytest.raises(TransientModelError, match="rerank was left out"):
        replayed(w, [reranked(api)])
