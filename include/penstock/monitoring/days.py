"""What an index was asked and how it did, day by day. Days are UTC's; a rating counts where its question was asked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import select

from penstock.catalog.schema import feedback, interactions
from penstock.feedback.reading import of_the_whole, that_count
from penstock.feedback.saying import Kind
from penstock.interactions.reading import in_time
from penstock.platform import Platform

ROWS_AT_ONCE = 2_000
VECTOR, TEXT = 3, 2
"""Places of a candidate's own scores in ``interactions.candidates``; the first score is relative to its own list."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One interaction, as far as it is watched.

    ``who`` is the person or else the session; one that is neither stands alone. ``score`` is that of the best candidate
    by vector search, or by text search where that is all there was; scores compare among equal ``searched`` only.
    """

    at: float
    who: str
    query: str | None = None
    refused: bool | None = None
    rating: float | None = None
    score: float | None = None
    confidence: float | None = None
    searched: str = ""

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.at, UTC).date()


@dataclass(frozen=True, slots=True)
class Day:
    """Means are None where nothing was there to be averaged."""

    day: date
    asked: int
    people: int
    answers: int
    refused: int
    ratings: int
    rating: float | None
    score: float | None
    confidence: float | None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "day": self.day.isoformat()}


def asked(platform: Platform, index: str, since: datetime, until: datetime) -> list[Asked]:
    """What was asked from ``since`` to before ``until``, by time, with its ratings. Raises ``UnknownNameError``."""
    platform.settings.index(index)
    names = ("id", "at", "query", "refused", "person", "session", "setup", "candidates", "shown")
    query = in_time(index, since, until)
    said = select(feedback).join(interactions, interactions.c.id == feedback.c.interaction_id)
    said = said.where(*query._where_criteria, feedback.c.kind == Kind.RATING)
    ratings: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    with platform.catalog.read() as connection:
        for row in that_count(one._asdict() for one in connection.execute(said)):
            ratings[row["interaction_id"]].append(row)
        columns = query.with_only_columns(*(interactions.c[name] for name in names))
        rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(columns)
        return [_asked(row._asdict(), ratings.get(row.id, ())) for row in rows]


def _asked(row: Mapping[str, Any], said: Sequence[Mapping[str, Any]]) -> Asked:
    setup, ratings = row["setup"], [one["value"] for one in of_the_whole(said, row["shown"], row["refused"])]
    return Asked(
        at=row["at"],
        who=row["person"] or row["session"] or row["id"],
        query=row["query"],
        refused=row["refused"],
        rating=fmean(ratings) if ratings else None,
        score=best_score(row["candidates"]),
        confidence=setup.get("confidence"),
        searched=f"{setup.get('mode')} {setup.get('embedder')}",
    )


def best_score(candidates: Iterable[Sequence[Any]]) -> float | None:
    """The best score that vector search gave, or text search where that is all there was.

    >>> best_score([["a", 1.0, 8.5, 0.4], ["b", 0.9, None, 0.6]]), best_score([["a", 1.0, 8.5, None]]), best_score([])
    (0.6, 8.5, None)
    """
    rows = list(candidates)
    for place in (VECTOR, TEXT):
        scores = [row[place] for row in rows if row[place] is not None]
        if scores:
            return float(max(scores))
    return None


def by_day(rows: Iterable[Asked]) -> list[Day]:
    """Each day from the first to the last on which something was asked, none left out in between."""
    found: dict[date, list[Asked]] = defaultdict(list)
    for row in rows:
        found[row.day].append(row)
    if not found:
        return []
    first, last = min(found), max(found)
    return [_day(day, found.get(day, [])) for day in (first + timedelta(n) for n in range((last - first).days + 1))]


def _day(day: date, rows: Sequence[Asked]) -> Day:
    ratings = [row.rating for row in rows if row.rating is not None]
    return Day(
        day=day,
        asked=len(rows),
        people=len({row.who for row in rows}),
        answers=sum(row.refused is not None for row in rows),
        refused=sum(row.refused is True for row in rows),
        ratings=len(ratings),
        rating=_mean(ratings),
        score=_mean([row.score for row in rows if row.score is not None]),
        confidence=_mean([row.confidence for row in rows if row.confidence is not None]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 4) if values else None
