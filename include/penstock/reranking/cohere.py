"""Cohere's rerank. The request and its answer: https://docs.cohere.com/reference/rerank."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from penstock.apis import COHERE, Caller, find_access
from penstock.apis import cohere as sdk
from penstock.apis.answers import billed, finite
from penstock.embedding.tokens import encodable
from penstock.reranking.base import Ranked, Ranking, how_many
from penstock.settings import RerankerSettings
from penstock.sources.connection import Connections

MAX_PASSAGES = 1000
"""Cohere recommends against more in one request."""
TRIES = 2
"""Somebody waits for the answer to a question."""


class CohereReranker:
    """See ``Reranker``. Of a passage that is longer than 4,096 tokens with its question Cohere reads the beginning."""

    max_passages = MAX_PASSAGES

    def __init__(
        self, settings: RerankerSettings, connections: Connections, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._caller = Caller(COHERE, find_access(COHERE, settings, connections), settings.model, sleep)
        self._client = sdk.open_client(self._caller, settings)
        self._settings = settings
        self.name = settings.model

    def rerank(self, question: str, passages: Sequence[str], k: int | None = None) -> Ranking:
        wanted = how_many(passages, k, MAX_PASSAGES)
        if not wanted:
            return Ranking(())
        response = self._caller.patiently(
            lambda _attempt: sdk.called(
                self._caller,
                lambda: self._client.rerank(
                    model=self._settings.model,
                    query=encodable(question),
                    documents=[encodable(passage) for passage in passages],
                    top_n=wanted,
                ),
            ),
            min(TRIES, self._settings.tries),
        )
        units = getattr(getattr(response, "meta", None), "billed_units", None)
        searches = billed(getattr(units, "search_units", None)) or 0
        return Ranking(self._checked(response, wanted, len(passages)), searches)

    def _checked(self, response: Any, wanted: int, passages: int) -> tuple[Ranked, ...]:
        results = getattr(response, "results", None)
        if not isinstance(results, list) or len(results) != wanted:
            found = len(results) if isinstance(results, list) else "no"
            raise self._caller.malformed(f"{found} results where {wanted} were asked for")
        places = {place for one in results if isinstance(place := getattr(one, "index", None), int)}
        if len(places) != wanted or not places <= set(range(passages)):
            raise self._caller.malformed("places that are not the passages'")
        scores = [finite(getattr(one, "relevance_score", None)) for one in results]
        hits = [Ranked(one.index, score) for one, score in zip(results, scores, strict=True) if score is not None]
        if len(hits) != wanted:
            raise self._caller.malformed("scores that are no numbers")
        return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.place)))
