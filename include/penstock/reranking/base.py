"""The Reranker port: a question and passages in, the passages' places out, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from penstock.errors import UsageError


class Ranked(NamedTuple):
    """``place`` is where the passage stood in what was handed in, from 0; ``score`` its relevance.

    The higher the better, on the model's own scale: 0 to 1 of Cohere's, any number (a logit) of a local one.
    """

    place: int
    score: float


@dataclass(frozen=True)
class Ranking:
    """Best first, ties by place. ``searches`` is what was billed for it, in the provider's units."""

    hits: tuple[Ranked, ...]
    searches: int = 0


class Reranker(Protocol):
    """One model; ``name`` says which, of a local one with its fingerprint. Safe to call from several threads."""

    name: str
    max_passages: int

    def rerank(self, question: str, passages: Sequence[str], k: int | None = None) -> Ranking:
        """Return the ``k`` most relevant passages (all where ``k`` is None or more than there are); none for none.

        Raises ``UsageError`` for more than ``max_passages`` or a ``k`` below 1, else ``ModelError`` or
        ``TransientModelError``.
        """
        ...


def how_many(passages: Sequence[str], k: int | None, most: int) -> int:
    """The length of a ranking of the ``k`` best, of all where it is None. Raises ``UsageError``, see ``rerank``."""
    if len(passages) > most:
        raise UsageError(f"{len(passages):,} passages are too many to rerank; hand in at most {most:,}")
    if k is not None and k < 1:
        raise UsageError(f"{k} passages cannot be asked for; ask for 1 or more")
    return len(passages) if k is None else min(k, len(passages))
