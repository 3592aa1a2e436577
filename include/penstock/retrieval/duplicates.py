"""Near-duplicates among what was found: a text that stands in ten documents is one answer, with ten places."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from penstock.records import Hit

SHINGLE_WORDS = 5

Shingles = frozenset[tuple[str, ...]]


@dataclass(slots=True)
class Distinct:
    """A hit, and those below it that say nearly the same."""

    hit: Hit
    same: list[Hit] = field(default_factory=list)


def collapse(hits: Sequence[Hit], at_least: float, k: int) -> list[Distinct]:
    """The ``k`` best hits of which no two are alike, best first.

    Alike are texts whose sets of five successive words overlap by ``at_least`` (Jaccard), case and space aside
    (Broder, "On the resemblance and containment of documents", 1997).
    """
    kept: list[tuple[Distinct, Shingles]] = []
    seen: set[tuple[str, ...]] = set()
    for hit in hits:
        words = _words(hit.row.text)
        near = kept if _may_be_alike(words, seen, at_least) else []
        if not near and len(kept) >= k:
            continue
        mine = frozenset(_successive(words))
        first = next((one for one, theirs in near if _overlap(mine, theirs, at_least)), None)
        if first is not None:
            first.same.append(hit)
        elif len(kept) < k:
            kept.append((Distinct(hit), mine))
            seen |= mine
    return [one for one, _ in kept]


def shingles(text: str) -> Shingles:
    """Every five successive words of a text; of a shorter one all its words."""
    return frozenset(_successive(_words(text)))


def _words(text: str) -> list[str]:
    return text.casefold().split()


def _successive(words: Sequence[str]) -> Iterable[tuple[str, ...]]:
    if len(words) < SHINGLE_WORDS:
        return [tuple(words)]
    return zip(*(islice(words, at, None) for at in range(SHINGLE_WORDS)), strict=False)


def _may_be_alike(words: Sequence[str], seen: set[tuple[str, ...]], at_least: float) -> bool:
    """Whether any of what was seen can overlap by so much: then these few shingles are not all missing there.

    A text of n different shingles lacks at most (1 - ``at_least``) n of those of one that it is alike to. Most hits
    are like no other, and this is known from a tenth of their words.
    """
    few = math.ceil((1 - at_least) * max(len(words) - SHINGLE_WORDS + 1, 1)) + 1
    mine: set[tuple[str, ...]] = set()
    for one in _successive(words):
        if one in seen:
            return True
        mine.add(one)
        if len(mine) == few:
            return not at_least
    return not at_least


def _overlap(a: Shingles, b: Shingles, at_least: float) -> bool:
    common = len(a & b)
    return common >= at_least * (len(a) + len(b) - common)
