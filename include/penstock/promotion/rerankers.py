"""Two rerankers are judged on one release: the same candidates, ordered by each."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from penstock import champions, manifest
from penstock.evaluation.asking import Side
from penstock.evaluation.measuring import measure
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion import guards
from penstock.promotion.embedders import golden_guard, scores
from penstock.promotion.gate import Limit
from penstock.promotion.measured import Sides, latency
from penstock.promotion.questions import TestSet
from penstock.promotion.records import Look
from penstock.recipe import Recipe
from penstock.reranking.base import Reranker

PASSAGES = 10
"""How many each ranks where their times are compared."""
PROBE = "A passage to rank."
NOBODY_BEFORE = "no reranker served before, so that there is no time to compare with"


def compare(
    platform: Platform, index: str, challenger: Row[Any], test: TestSet, look: Look, progress: Progress
) -> Sides:
    """Ask the live release under the champion and under the challenger. Raises ``NothingPublishedError``."""
    with platform.catalog.read() as connection:
        live = manifest.opened(connection, index, None)
    configured = champions.retrieval(platform, index)
    tuned = configured.model_copy(update={"rerank": champions.reranker(configured.rerank, challenger.id)})
    sides = Side(live.number, configured), Side(live.number, tuned)
    gate = platform.settings.index(index).training.gate
    before, after = (platform.reranker(one.rerank) if one.rerank else None for one in (configured, tuned))
    assert after is not None, "the challenger is one"
    embedder = platform.embedder(Recipe.of_generation(platform.settings, live).embedder)
    for one in filter(None, (before, after)):
        one.rerank(test.questions.questions[0].text, [PROBE])  # a model that cannot be asked is told of before the look
    look.begin()
    progress.stage("ask", 2 * len(test))
    champion, its = (measure(platform, index, side, test.questions, progress, lenient=True) for side in sides)
    held = guards.of_rerankers(platform, live.run_id, gate.guards, embedder, before, after)
    held |= golden_guard(platform, index, *sides)
    limits = {}
    if before is not None:
        texts = [one.text for one in test.questions.questions]
        ratio = latency(_ranking(before, texts[:PASSAGES]), _ranking(after, texts[:PASSAGES]), texts)
        limits["its time for a ranking, of the champion's"] = Limit(ratio, gate.max_latency_ratio)
    remarks = (f"judged on release {live.number}",) if limits else (f"judged on release {live.number}", NOBODY_BEFORE)
    return Sides(scores(champion), scores(its), held, limits, remarks=remarks)


def _ranking(reranker: Reranker, passages: list[str]) -> Any:
    return lambda question: reranker.rerank(question, passages)
