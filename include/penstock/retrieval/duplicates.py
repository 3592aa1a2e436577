"""Near-duplicates among what was found: a text that stands in ten documents is one answer, with ten places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    for hit in hits:
        mine = shingles(hit.row.text)
        first = next((one for one, theirs in kept if _overlap(mine, theirs, at_least)), None)
        if first is not None:
            first.same.append(hit)
        elif len(kept) < k:
            kept.append((Distinct(hit), mine))
    return [one for one, _ in kept]


def shingles(text: str) -> Shingles:
    """Every five successive words of a text; of a shorter one all its words."""
    words = text.casefold().split()
    last = max(len(words) - SHINGLE_WORDS, 0)
    return frozenset(tuple(words[at : at + SHINGLE_WORDS]) for at in range(last + 1))


def _overlap(a: Shingles, b: Shingles, at_least: float) -> bool:
    if min(len(a), len(b)) < at_least * max(len(a), len(b)):
        return False  # too different in size to be alike, and cheaper to see
    common = len(a & b)
    return common >= at_least * (len(a) + len(b) - common)
