"""One release asked under several settings: what does not differ between them is done once for each question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from penstock import manifest, whereabouts
from penstock.errors import TransientModelError
from penstock.index.rules import depth_of, found_within
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import Query
from penstock.retrieval.duplicates import Distinct
from penstock.retrieval.pipeline import as_readers, condition_of, in_order, require_kept
from penstock.retrieval.questions import QuestionVectors
from penstock.retrieval.trace import Trace
from penstock.settings import RetrievalSettings


class Replay:
    """A question is embedded once and put to the store once, as deep as the settings that look deepest.

    Ranks alone come of it: nothing is located in its document, joined or cited. ``require_kept`` afterwards proves that
    the release was there until the end.
    """

    def __init__(self, platform: Platform, index: str, number: int, vectors: QuestionVectors | None = None) -> None:
        whereabouts.require_here(platform)
        self._platform = platform
        self._vectors = vectors or QuestionVectors(platform)
        with platform.catalog.read() as connection:
            self._release = manifest.opened(connection, index, number)
        manifest.require_readable(self._release)
        self._recipe = Recipe.of_generation(platform.settings, self._release)

    def require_kept(self) -> None:
        require_kept(self._platform, self._release)

    def ask(
        self, text: str, principals: Sequence[str], where: str | None, settings: Sequence[RetrievalSettings]
    ) -> list[list[Distinct]]:
        """The hits under each of the settings, best first, as many as its ``asked_for``.

        Raises as a search does, and ``TransientModelError`` where a reranker does not answer.
        """
        condition = condition_of(where, self._recipe)
        needed = any(one.mode != "text" for one in settings)
        base = Query(
            text=text,
            vector=self._vectors.of(self._recipe.embedder, text) if needed else [],
            release=self._release.number,
            principals=as_readers(principals),
            where=condition,
        )
        queries = [replace(base, k=one.candidates, mode=one.mode, vector_weight=one.vector_weight) for one in settings]
        found = self._platform.collection(self._release.collection).search(_whole(queries))
        orders = []
        for one, query in zip(settings, queries, strict=True):
            trace = Trace()
            candidates = found_within(found, query)
            asked = self._platform, one, text, self._recipe.chunker, candidates, asked_for(one), trace
            orders.append(in_order(*asked))
            if late := next((stage for stage in trace.stages if stage.left_out), None):
                raise TransientModelError(f"a question to {self._release.index_name!r}: {late.name} was {late.note}")
        return orders


def asked_for(settings: RetrievalSettings) -> int:
    """How many hits to ask for: as many as the stages look at anyway, so that none does more than for a reader."""
    return min(settings.candidates, settings.rerank_depth) if settings.rerank else settings.candidates


def _whole(queries: Sequence[Query]) -> Query:
    """One query whose answer holds those of all of these."""
    depth = max(map(depth_of, queries))
    modes = {one.mode for one in queries}
    if len(modes) == 1 and modes != {"hybrid"}:
        return replace(queries[0], k=depth)
    return replace(queries[0], mode="hybrid", depth=depth, k=2 * depth)
