"""Every complaint of an index, each with the part that failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from sqlalchemy import select

from penstock.batching import batched
from penstock.catalog import insert_or_update
from penstock.catalog.schema import interactions, verdicts
from penstock.feedback.hearing import Heard, Row, hear
from penstock.feedback.saying import Kind
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.retrieval.questions import QuestionVectors
from penstock.triage.causes import Cause, Evidence, Verdict, decide
from penstock.triage.evidence import Witness

AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """One complaint: the interaction, what is known of it, and the part that failed."""

    interaction: str
    release: int | None
    at: float
    question: str | None
    evidence: Evidence
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        return {
            "interaction": self.interaction,
            "release": self.release,
            "at": datetime.fromtimestamp(self.at, UTC).isoformat(),
            "question": self.question,
            "cause": str(self.verdict.cause),
            "why": self.verdict.why,
            "evidence": self.evidence.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Triaged:
    """The complaints by time, and how many interactions they are of."""

    index: str
    since: datetime | None
    asked: int
    judged: tuple[Judged, ...]

    def to_dict(self) -> dict[str, Any]:
        counts = Counter(str(one.verdict.cause) for one in self.judged)
        return {
            "index": self.index,
            "since": self.since.isoformat() if self.since else None,
            "interactions": self.asked,
            "complaints": len(self.judged),
            "causes": {str(cause): counts[str(cause)] for cause in Cause},
            "verdicts": [one.to_dict() for one in self.judged],
        }


def triage(platform: Platform, index: str, since: datetime | None = None, progress: Progress | None = None) -> Triaged:
    """Judge every interaction since then that went badly; raises ``UnknownNameError``, or as a search does.

    Where a release is no longer kept, the live one is looked at in its place. Asks the index's embedder about twice a
    complaint, which a paid one bills. The verdicts are kept, for as long as the interactions are.
    """
    return triage_of(platform, index, hear(platform, index, since), since, progress)


def triage_of(
    platform: Platform,
    index: str,
    heard: Heard,
    since: datetime | None,
    progress: Progress | None = None,
    vectors: QuestionVectors | None = None,
) -> Triaged:
    """``triage``, of what was heard since then."""
    wrong = [row["id"] for row in heard.asked if complained_of(row, heard)]
    witness = Witness(platform, index, vectors or QuestionVectors(platform))
    judged = []
    for row in _whole(platform, wrong):
        seen = witness.evidence(row, heard.said.get(row["id"], ()))
        judged.append(Judged(row["id"], row["release"], row["at"], row["query"], seen, decide(seen)))
        if progress is not None:
            progress.advance()
    _keep(platform, index, judged)
    return Triaged(index, since, len(heard.asked), tuple(sorted(judged, key=lambda one: (one.at, one.interaction))))


def _keep(platform: Platform, index: str, judged: Iterable[Judged]) -> None:
    """Keep the verdicts, each in the place of the one before; none on an interaction that was erased meanwhile."""
    with platform.catalog.write() as connection:
        now = platform.catalog.now(connection)
        for batch in batched(judged):
            ids = [one.interaction for one in batch]
            there = set(connection.execute(select(interactions.c.id).where(interactions.c.id.in_(ids))).scalars())
            rows = [
                {
                    "interaction_id": one.interaction,
                    "index_name": index,
                    "at": now,
                    "cause": str(one.verdict.cause),
                    "why": one.verdict.why,
                    "evidence": one.evidence.to_dict(),
                }
                for one in batch
                if one.interaction in there
            ]
            insert_or_update(connection, verdicts, rows, ["at", "cause", "why", "evidence"])


def complained_of(row: Row, heard: Heard) -> bool:
    """Whether somebody said that an answer, or what was shown, was not good; that it was left alone says too little."""
    ratings = heard.ratings(row) or [one["value"] for one in heard.of(row, Kind.RATING)]
    shown = {document for _chunk, document in row["shown"]}
    missed = any(one["document_id"] not in shown for one in heard.of(row, Kind.RIGHT_PASSAGE))
    return bool(ratings and fmean(ratings) < 0) or bool(heard.of(row, Kind.CORRECTION)) or missed


def _whole(platform: Platform, ids: list[str]) -> Iterator[Mapping[str, Any]]:
    for batch in batched(ids, AT_ONCE):
        query = select(interactions).where(interactions.c.id.in_(batch))
        with platform.catalog.read() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        yield from rows
