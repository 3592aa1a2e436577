"""Near-duplicates among what was found: a text that stands in ten documents is one answer, with ten places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
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
        mine = shingles(hit.row.text)
        near = kept if _may_be_alike(mine, seen, at_least) else []
        first = next((one for one, theirs in near if _overlap(mine, theirs, at_least)), None)
        if first is not None:
            first.same.append(hit)
        elif len(kept) < k:
            kept.append((Distinct(hit), mine))
            seen |= mine
    return [one for one, _ in kept]


@lru_cache(maxsize=256)  # as many as one question's candidates, which a replay collapses under several settings; 5 MB
def shingles(text: str) -> Shingles:
    """Every five successive words of a text; of a shorter one all its words."""
    words = text.casefold().split()
    return frozenset(zip(*(words[at:] for at in range(SHINGLE_WORDS)), strict=False)) or frozenset([tuple(words)])


def _may_be_alike(mine: Shingles, seen: set[tuple[str, ...]], at_least: float) -> bool:
    """Whether any of what was seen can overlap by so much: then not all of these few are missing there."""
    few = islice(mine, math.ceil((1 - at_least) * len(mine)) + 1)
    return not at_least or not seen.isdisjoint(few)


def _overlap(a: Shingles, b: Shingles, at_least: float) -> bool:
    common = len(a & b)
    return common >= at_least * (len(a) + len(b) - common)
