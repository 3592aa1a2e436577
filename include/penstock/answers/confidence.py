"""How likely it is that the index holds the answer, from what the search found: before any generator is asked.

A logistic model over a few figures of the search. Its coefficients were fitted by ``benchmarks/refusing.py`` and stand
in ``calibration.json`` beside what they were fitted on. Cosines mean something else with every embedder: those that
look at them count for the embedder that they were fitted with, and for all others the words alone.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from statistics import mean
from typing import NamedTuple

from penstock.answers.extractive import sentences_of, shared_words
from penstock.retrieval import Found


class Model(NamedTuple):
    """``embedder`` is the fingerprint of the one that it holds for; None: for any."""

    embedder: str | None
    intercept: float
    weights: Mapping[str, float]


def confidence(question: str, found: Found, embedder: str) -> float:
    """The chance, 0 to 1, that what was found answers the question. ``embedder`` is its fingerprint."""
    if not found.passages:
        return 0.0
    figures = figures_of(question, found)
    model = next(one for one in _models() if one.embedder in (None, embedder) and one.weights.keys() <= figures.keys())
    return _logistic(model.intercept + sum(weight * figures[name] for name, weight in model.weights.items()))


def figures_of(question: str, found: Found) -> dict[str, float]:
    """What the model looks at, by name; without those of the vector search where it was not asked, or did not tell.

    ``cosine``: of the nearest hit; ``lead``: how far it is ahead of the hits' mean. ``covered``, ``together``: the
    share of the question's words, the rarer the heavier, in the passage and in the sentence that holds most of them.
    """
    texts = [passage.text for passage in found.passages]
    sentences = [one.text for one in sentences_of(found.passages)]
    figures = {
        "covered": max(shared_words(question, texts)),
        "together": max(shared_words(question, sentences), default=0.0),
    }
    cosines = [hit.scores["vector"] for hit in found.hits if "vector" in hit.scores]
    if cosines:
        figures |= {"cosine": max(cosines), "lead": max(cosines) - mean(cosines)}
    return figures


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(min(value, 500.0), -500.0)))


@cache
def _models() -> Sequence[Model]:
    """The first that fits is taken: those of one embedder stand before the one for any."""
    written = json.loads(files("penstock.answers").joinpath("calibration.json").read_text(encoding="utf-8"))
    return [Model(one["embedder"], one["intercept"], one["weights"]) for one in written["models"]]
