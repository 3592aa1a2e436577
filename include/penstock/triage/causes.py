"""Which part failed a reader: one pure decision over what is known of a complaint.

The questions are asked in the order in which an answer is made, from the end: was what would have been right shown,
was it among the candidates, might this reader see it, was it served, is it anywhere. The first "no" names the part.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Cause(StrEnum):
    """Stable names: they are stored, counted and shown."""

    MISSING = "missing-knowledge"
    ACCESS = "access"
    STALE = "stale-or-quarantined"
    RETRIEVAL = "retrieval"
    RANKING = "ranking"
    BEHAVIOUR = "behaviour"
    UNCLEAR = "unclear"


class Known(StrEnum):
    """How it is known what would have been right."""

    NAMED = "named"
    CORRECTED = "corrected"
    UNSAID = "unsaid"


class Standing(StrEnum):
    """Where a document that holds it is, if not in the release that answered."""

    QUARANTINED = "quarantined"
    WAITING = "in a release that is not live"
    SERVED_NOW = "served by now"
    REMOVED = "removed"
    ERASED = "erased"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one complaint.

    ``served``: the release that answered holds what would have been right; ``standing``: where it is where not.
    ``readable``: the asker might see it; None where their rights are not known (only a digest of them is kept). Ranks
    count from 1: ``shown`` and ``candidate`` those that the interaction noted, ``deep`` that in the same search asked
    anew as somebody who may see everything. ``depth`` is the number of candidates that were noted. ``match`` is the
    share of the correction's words that the best text holds, ``documents`` are the ids of those that hold it,
    ``confidence`` is the chance that the index can answer the question at all, asked by whoever may see everything;
    ``confidence_now`` that of the live release, looked at where another one refused.
    """

    known: Known
    refused: bool = False
    served: bool = False
    standing: Standing = Standing.NOWHERE
    readable: bool | None = None
    shown: int | None = None
    candidate: int | None = None
    deep: int | None = None
    depth: int = 0
    match: float | None = None
    documents: tuple[str, ...] = ()
    confidence: float | None = None
    confidence_now: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The part that failed, and the sentence that says why."""

    cause: Cause
    why: str


UNANSWERABLE = 0.1
"""A refused question that the whole index answers with no more than this chance misses a document."""


def decide(seen: Evidence) -> Verdict:
    """Name the part that failed. Pure: the same evidence gives the same verdict."""
    if seen.known is Known.UNSAID:
        return _unsaid(seen)
    if seen.shown is not None:
        return Verdict(Cause.BEHAVIOUR, f"it was shown, in place {seen.shown}, and the answer was still bad")
    if seen.candidate is not None:
        return Verdict(Cause.RANKING, f"it was candidate {seen.candidate} of {seen.depth}, and was not shown")
    if not seen.served:
        return _not_served(seen)
    if seen.readable is False:
        return Verdict(Cause.ACCESS, "it is served, and whoever asked may not see it")
    if seen.readable is None and seen.deep is not None and seen.deep <= seen.depth:
        return Verdict(
            Cause.ACCESS,
            f"with all rights it is candidate {seen.deep} of {seen.depth}; for whoever asked it was none",
        )
    place = f"in place {seen.deep}" if seen.deep is not None else "not found at all"
    if not seen.depth:  # an imported log knows no candidates
        return Verdict(Cause.RETRIEVAL, f"it is served and was not shown; searched for anew it is {place}")
    return Verdict(Cause.RETRIEVAL, f"it is served and was not among the {seen.depth} candidates; deeper it is {place}")


def _not_served(seen: Evidence) -> Verdict:
    if seen.standing in (Standing.QUARANTINED, Standing.WAITING, Standing.SERVED_NOW):
        return Verdict(Cause.STALE, f"what holds it is {seen.standing}")
    if seen.standing is Standing.NOWHERE:
        return Verdict(Cause.MISSING, "no document holds it")
    return Verdict(Cause.MISSING, f"no document holds it any more: it was {seen.standing}")


def _unsaid(seen: Evidence) -> Verdict:
    sure = "" if seen.confidence is None else f"; the whole index may answer it with a chance of {seen.confidence:.2f}"
    if seen.refused and seen.confidence is not None and seen.confidence <= UNANSWERABLE:
        if seen.standing is Standing.SERVED_NOW:
            return Verdict(Cause.STALE, f"it was refused, and what may answer it is {seen.standing}")
        return Verdict(Cause.MISSING, f"it was refused, and nobody said what would be right{sure}")
    return Verdict(Cause.UNCLEAR, f"nobody said what would have been right{sure}")
