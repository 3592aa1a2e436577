"""The Reranker port: a question and passages in, the passages' places out, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Ranked(NamedTuple):
    """``place`` is where the passage stood in what was handed in, from 0; ``score`` its relevance, 0 to 1."""

    place: int
    score: float


@dataclass(frozen=True)
class Ranking:
    """Best first, ties by place. ``searches`` is what was billed for it, in the provider's units."""

    hits: tuple[Ranked, ...]
    searches: int = 0


class Reranker(Protocol):
    """One model. Safe to call from several threads at once."""

    max_passages: int

    def rerank(self, question: str, passages: Sequence[str], k: int | None = None) -> Ranking:
        """Return the ``k`` most relevant passages (all where ``k`` is None or more than there are); none for none.

        Raises ``UsageError`` for more than ``max_passages`` or a ``k`` below 1, else ``ModelError`` or
        ``TransientModelError``.
        """
        ...
