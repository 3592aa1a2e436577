"""The Generator port: a question and numbered passages in, claims with the quotes that they rest on out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from penstock.retrieval.results import Passage

BESIDE = "outside of the claims"
"""Counts sentences that a generator wrote and that are part of no claim."""


@dataclass(frozen=True, slots=True)
class DraftQuote:
    """What a generator says that a passage holds: the passage's number, from 1, and words that should stand in it."""

    passage: int
    text: str


@dataclass(frozen=True, slots=True)
class Draft:
    """One claim as a generator made it; nothing of it is checked yet.

    ``beside``: it is none, but a sentence that the generator wrote around its claims; such are counted and not shown.
    """

    text: str
    quotes: tuple[DraftQuote, ...]
    beside: bool = False


class Generator(Protocol):
    """One way to answer. Safe to call from several threads at once."""

    def claims(self, question: str, passages: Sequence[Passage]) -> Iterator[Draft]:
        """Yield each claim as soon as it is made, in the order of the answer; none where the passages hold none.

        Raises ``ModelError`` or ``TransientModelError``, also after some claims: then the answer broke off.
        """
        ...
