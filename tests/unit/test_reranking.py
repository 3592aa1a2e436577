"""Reranking with the real Cohere SDK against a server on loopback."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from penstock.errors import ModelError, TransientModelError, UsageError
from penstock.reranking import Ranked, open_reranker
from penstock.reranking.cohere import CohereReranker
from penstock.settings import RerankerSettings
from penstock.sources import connection_from_environment
from support.model_api import RERANK_MODEL, Fault, ModelApi

PASSAGES = ["the miller grinds barley", "the ferry crosses at dawn", "barley and the ferry", "nothing of it"]
QUESTION = "ferry barley"


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def reranker(api: ModelApi, waited: list[float]) -> CohereReranker:
    settings = RerankerSettings(model=RERANK_MODEL, base_url=api.url)
    return CohereReranker(settings, connection_from_environment, sleep=waited.append)


def test_passages_come_best_first_by_their_places(reranker: CohereReranker, api: ModelApi) -> None:
    ranking = reranker.rerank(QUESTION, PASSAGES)
    assert ranking.hits == (Ranked(2, 1.0), Ranked(0, 0.5), Ranked(1, 0.5), Ranked(3, 0.0))
    assert ranking.searches == 1
    assert api.asked[0].body == {"model": RERANK_MODEL, "query": QUESTION, "documents": PASSAGES, "top_n": 4}


def test_k_is_asked_of_the_api_and_may_be_more_than_there_are(reranker: CohereReranker, api: ModelApi) -> None:
    assert [hit.place for hit in reranker.rerank(QUESTION, PASSAGES, k=2).hits] == [2, 0]
    assert len(reranker.rerank(QUESTION, PASSAGES, k=99).hits) == 4
    assert [asked.body["top_n"] for asked in api.asked] == [2, 4]


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_passage_is_not_asked_for(reranker: CohereReranker, api: ModelApi, k: int) -> None:
    with pytest.raises(UsageError, match=f"^{k} passages cannot be asked for; ask for 1 or more$"):
        reranker.rerank(QUESTION, PASSAGES, k=k)
    assert api.asked == []


@pytest.mark.parametrize("units", [math.nan, math.inf, -1, "x", None])
def test_a_figure_that_is_none_is_not_counted(reranker: CohereReranker, api: ModelApi, units: object) -> None:
    api.faults.append(Fault(spoil=lambda body: {**body, "meta": {"billed_units": {"search_units": units}}}))
    assert reranker.rerank(QUESTION, PASSAGES).searches == 0


def test_nothing_is_asked_about_nothing_or_too_much(reranker: CohereReranker, api: ModelApi) -> None:
    assert reranker.rerank(QUESTION, []).hits == ()
    with pytest.raises(UsageError, match="1,001 passages are too many to rerank; hand in at most 1,000"):
        reranker.rerank(QUESTION, ["a"] * 1001)
    assert api.asked == []


def test_a_passing_fault_is_asked_past_once_and_others_are_named(
    reranker: CohereReranker, api: ModelApi, waited: list[float]
) -> None:
    api.faults.append(Fault(503, {"message": "busy"}, {"Retry-After": "1"}))
    assert len(reranker.rerank(QUESTION, PASSAGES).hits) == 4
    assert len(waited) == 1
    api.faults.extend([Fault(503, {"message": "busy"})] * 2)
    with pytest.raises(TransientModelError, match=r"has no time now \(503: busy\)"):
        reranker.rerank(QUESTION, PASSAGES)
    wrong = open_reranker(RerankerSettings(model="rerank-v0", base_url=api.url))
    with pytest.raises(ModelError, match=r"knows no model 'rerank-v0' \(404: model 'rerank-v0' not found\)"):
        wrong.rerank(QUESTION, PASSAGES)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda body: body["results"].pop(), "3 results where 4 were asked for"),
        (lambda body: body["results"][0].update(index=4), "places that are not the passages'"),
        (lambda body: body["results"][0].update(index=0), "places that are not the passages'"),
        (lambda body: body["results"][0].update(index=[1]), "places that are not the passages'"),
        (lambda body: body["results"][0].update(relevance_score=math.nan), "scores that are no numbers"),
        (lambda body: body["results"][0].update(relevance_score=10**400), "scores that are no numbers"),
        (lambda body: body["results"][0].pop("relevance_score"), "scores that are no numbers"),
        (lambda body: body.pop("results"), "no results where 4 were asked for"),
    ],
)
def test_a_ranking_that_is_none_is_refused(
    reranker: CohereReranker, api: ModelApi, spoil: Callable[[dict[str, Any]], object], message: str
) -> None:
    def spoiled(body: dict[str, Any]) -> dict[str, Any]:
        spoil(body)
        return body

    api.faults.append(Fault(spoil=spoiled))
    with pytest.raises(ModelError) as error:
        reranker.rerank(QUESTION, PASSAGES)
    assert message in str(error.value)
    assert len(api.asked) == 1
