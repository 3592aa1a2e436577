"""How well questions find their passages among all that a set holds: exact search, as the gate's first look does it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from penstock.embedding.base import Embedder
from penstock.errors import ConfigError
from penstock.evaluation import measures
from penstock.training.examples import EmbedderExample

DEPTH = 10
SHOWN = ("nDCG@10", "R@1", "R@5", "R@10")


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
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key}: {path} cannot be read: {error}") from None
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            passage, question = row["passage"], row.get("question")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigError(f'{key}: {path}, line {number} is no {{"question": …, "passage": …}}') from None
        if question is None:
            passages.append(str(passage))
        else:
            pairs.append((str(question), str(passage)))
    if not pairs:
        raise ConfigError(f"{key}: {path} holds no pair of a question and a passage")
    return pairs, passages


def measured(embedder: Embedder, over: Pool) -> dict[str, float]:
    """Means over the questions, four digits."""
    return means(dict(enumerate(by_question(embedder, over))))


def by_question(embedder: Embedder, over: Pool) -> list[dict[str, float]]:
    """The measures of each question, in the order of the pool."""
    import numpy as np

    passages = embedder.embed_documents(list(over.passages))
    rankings: dict[str, list[str]] = {}
    for place, question in enumerate(over.questions):
        scores = passages @ embedder.embed_query(question)
        rankings[str(place)] = [str(one) for one in np.argsort(-scores, kind="stable")[:DEPTH]]
    relevant = {str(one): {str(place): 1 for place in right} for one, right in over.relevant.items()}
    found = measures.by_question(relevant, rankings)
    return [found[str(place)] for place in range(len(over.questions))]


def means(values: Mapping[Any, Mapping[str, float]]) -> dict[str, Any]:
    return {name: round(fmean(one[name] for one in values.values()), 4) for name in SHOWN}
