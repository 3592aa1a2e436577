"""How well questions find their passages among all that a set holds: exact search, as the gate's first look does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.embedding.base import Embedder
from penstock.errors import ConfigError, UsageError
from penstock.evaluation import measures
from penstock.evaluation.lines import lines, parsed
from penstock.training.examples import EmbedderExample

DEPTH = 10
SHOWN = ("nDCG@10", "R@1", "R@5", "R@10")
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Pool:
    """``relevant``: place of a question → places of the passages that answer it."""

    questions: tuple[str, ...]
    passages: tuple[str, ...]
    relevant: Mapping[int, frozenset[int]]


def pool(asked: Sequence[EmbedderExample], every: Sequence[EmbedderExample]) -> Pool:
    """The questions of ``asked`` over the passages of ``every`` example, right and wrong ones."""
    texts = dict.fromkeys(text for one in every for text in (one.positive, *one.negatives))
    pairs = [(one.query, one.positive) for one in asked]
    return of_pairs(pairs, list(texts))


def of_pairs(pairs: Sequence[tuple[str, str]], passages: Sequence[str]) -> Pool:
    questions = {text: place for place, text in enumerate(dict.fromkeys(question for question, _ in pairs))}
    places = {text: place for place, text in enumerate(dict.fromkeys([*passages, *(right for _, right in pairs)]))}
    relevant: dict[int, set[int]] = {}
    for question, right in pairs:
        relevant.setdefault(questions[question], set()).add(places[right])
    return Pool(tuple(questions), tuple(places), {one: frozenset(right) for one, right in relevant.items()})


def read_pairs(path: Path, key: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The pairs of a JSONL file, and the passages of its lines without a question. ``key`` is the setting's.

    Raises ``ConfigError`` naming the line that is none.
    """
    pairs, passages = [], []
    try:
        for place, text in lines(path):
            question, passage = _of_line(place, parsed(place, text))
            if question is None:
                passages.append(passage)
            else:
                pairs.append((question, passage))
    except UsageError as error:
        raise ConfigError(f"{key}: {error}") from None
    if not pairs:
        raise ConfigError(f"{key}: {path} holds no pair of a question and a passage")
    return pairs, passages


def _of_line(place: str, row: Any) -> tuple[str | None, str]:
    question, passage = (row.get("question"), row.get("passage")) if isinstance(row, dict) else (None, None)
    if not isinstance(passage, str) or not isinstance(question, str | None):
        raise UsageError(f'{place} is no {{"question": …, "passage": …}}')
    return question, passage


def measured(embedder: Embedder, over: Pool, scale: float) -> dict[str, float]:
    """Means over the questions, four digits, and the ``loss`` at ``scale``."""
    found = scores(embedder, over)
    return means(dict(enumerate(by_question(found, over)))) | {"loss": round(loss(found, over, scale), 4)}


def scores(embedder: Embedder, over: Pool) -> Scores:
    """Cosines, shape (questions, passages)."""
    passages = embedder.embed_documents(list(over.passages))
    return np.stack([passages @ embedder.embed_query(question) for question in over.questions])


def by_question(found: Scores, over: Pool) -> list[dict[str, float]]:
    """The measures of each question, in the order of the pool."""
    places = np.argsort(-found, axis=1, kind="stable")[:, :DEPTH]
    rankings = {str(question): [str(one) for one in ranked] for question, ranked in enumerate(places)}
    relevant = {str(one): {str(place): 1 for place in right} for one, right in over.relevant.items()}
    values = measures.by_question(relevant, rankings)
    return [values[str(place)] for place in range(len(over.questions))]


def loss(found: Scores, over: Pool, scale: float) -> float:
    """Cross entropy of each question's passages among all of the pool, the mean: what the training lowers.

    Smooth where the measures are steps: of a few questions it says more.
    """
    logits, total = scale * found.astype(np.float64), np.logaddexp.reduce
    return fmean(total(row) - total(row[list(over.relevant[place])]) for place, row in enumerate(logits))


def means(values: Mapping[Any, Mapping[str, float]]) -> dict[str, Any]:
    return {name: round(fmean(one[name] for one in values.values()), 4) for name in SHOWN}
