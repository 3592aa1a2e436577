"""What people asked and what they said of it, in figures: volumes, ratings over time, worst questions, documents."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from statistics import fmean
from typing import Any

from sqlalchemy import select

from penstock.batching import batched
from penstock.catalog.schema import documents
from penstock.feedback.hearing import Heard, Row, hear
from penstock.feedback.reading import of_the_whole
from penstock.feedback.saying import Kind
from penstock.feedback.topics import topics_of
from penstock.interactions.recording import IMPORTED
from penstock.platform import Platform

MOST = 20
REMARKS = 3
DAYS, WEEKS = 62, 730
"""Up to so many days a period is a day, a week; beyond that a month."""
STRAY = 0.02
"""So small a share of the ratings, at either end, does not decide how long a period is: a log may have a wrong date."""
SILENCE = 12
"""More periods than this without a rating are not drawn one by one."""


def report(platform: Platform, index: str, since: datetime | None = None, topics: bool = True) -> dict[str, Any]:
    """Figures about what was asked since then, and about what was said of it, whenever that was.

    ``topics`` embeds up to ``topics.MOST`` questions with the index's embedder, which a paid one bills; without it they
    are None. Raises ``UnknownNameError``.
    """
    found = hear(platform, index, since)
    unanswered = [row for row in found.asked if row["query"] and _went_badly(row, found)]
    return {
        "index": index,
        "since": since.isoformat() if since else None,
        "volumes": _volumes(found),
        "ratings": _over_time(found),
        "worst": _worst(found),
        "topics": topics_of(platform, index, unanswered) if topics else None,
        "documents": _documents(platform, found),
    }


def _of_the_whole(row: Row, heard: Heard) -> list[Row]:
    return of_the_whole(heard.of(row, Kind.RATING), row["shown"], row["refused"])


def _values(row: Row, heard: Heard) -> list[float]:
    return [one["value"] for one in _of_the_whole(row, heard)]


def _went_badly(row: Row, heard: Heard) -> bool:
    ratings = _values(row, heard)
    return bool(row["refused"]) or bool(ratings and fmean(ratings) < 0)


def _volumes(heard: Heard) -> dict[str, Any]:
    kinds = Counter(one["kind"] for rows in heard.said.values() for one in rows)
    ratings = [value for row in heard.asked for value in _values(row, heard)]
    return {
        "interactions": len(heard.asked),
        "imported": sum(row["origin"] == IMPORTED for row in heard.asked),
        "searches": sum(row["origin"] != IMPORTED and row["refused"] is None for row in heard.asked),
        "answers": sum(row["refused"] is False for row in heard.asked),
        "refused": sum(row["refused"] is True for row in heard.asked),
        "with_feedback": sum(bool(heard.said.get(row["id"])) for row in heard.asked),
        "feedback": {str(kind): kinds[kind] for kind in Kind if kinds[kind]},
        "overtaken": heard.overtaken,
        "mean_rating": _mean(ratings),
        "rated_down": sum(value < 0 for value in ratings),
        "rated_up": sum(value > 0 for value in ratings),
    }


def _over_time(heard: Heard) -> list[dict[str, Any]]:
    """Ratings of all that was shown by the day, week or month in which they were given.

    ``silence_before``: so many periods without a rating came before this one and are left out, see ``SILENCE``.
    """
    given = [one for row in heard.asked for one in _of_the_whole(row, heard)]
    if not given:
        return []
    moments = [datetime.fromtimestamp(one["at"], UTC) for one in given]
    period = _period(_usual_days(moments))
    values: dict[datetime, list[float]] = defaultdict(list)
    for moment, one in zip(moments, given, strict=True):
        values[_start(moment, period)].append(one["value"])
    starts = [_start(min(moments), period)]
    while starts[-1] < max(values):
        starts.append(_start(starts[-1] + timedelta(days={"day": 1, "week": 7, "month": 31}[period]), period))
    return [
        {
            "period": period,
            "from": start.date().isoformat(),
            "silence_before": silence,
            "ratings": len(values[start]),
            "up": sum(value > 0 for value in values[start]),
            "down": sum(value < 0 for value in values[start]),
            "mean": _mean(values[start]),
        }
        for silence, start in _without_silence(starts, values.keys())
    ]


def _usual_days(moments: Sequence[datetime]) -> int:
    """Over how many days the ratings were given, without the few that lie far out."""
    ordered, stray = sorted(moments), math.ceil(STRAY * len(moments)) if len(moments) > 2 else 0
    return min((ordered[-1 - low] - ordered[stray - low]).days for low in range(stray + 1))


def _without_silence(starts: Sequence[datetime], rated: Collection[datetime]) -> Iterator[tuple[int, datetime]]:
    """The periods to draw, each with the number of those that are left out before it."""
    silence = 0
    for has_ratings, group in groupby(starts, key=lambda start: start in rated):
        some = list(group)
        if not has_ratings and len(some) > SILENCE:
            silence = len(some)
            continue
        for start in some:
            yield silence, start
            silence = 0


def _period(days: int) -> str:
    return "day" if days <= DAYS else "week" if days <= WEEKS else "month"


def _start(moment: datetime, period: str) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day if period == "day" else day.replace(day=1)


def _worst(heard: Heard) -> list[dict[str, Any]]:
    """Questions that were rated down, by the sum of their ratings: what is bad and asked often comes first."""
    asked: dict[str, list[Row]] = defaultdict(list)
    for row in heard.asked:
        asked[row["query_digest"]].append(row)
    found = []
    for rows in asked.values():
        ratings = [value for row in rows for value in _values(row, heard)]
        if sum(ratings) >= 0:
            continue
        remarks = [
            one["text"] for row in rows for kind in (Kind.COMMENT, Kind.CORRECTION) for one in heard.of(row, kind)
        ]
        found.append(
            {
                "question": next((row["query"] for row in rows if row["query"]), None),
                "asked": len(rows),
                "ratings": len(ratings),
                "mean": _mean(ratings),
                "sum": round(sum(ratings), 3),
                "remarks": [text for text in remarks if text][:REMARKS],
                "interactions": [row["id"] for row in rows][:REMARKS],
            }
        )
    return sorted(found, key=lambda one: (one["sum"], one["question"] or ""))[:MOST]


@dataclass(slots=True)
class _OfDocument:
    """``own`` are ratings of the document alone: of one of its passages, or where nothing else was shown."""

    shown: int = 0
    cited: int = 0
    right: int = 0
    own: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)


def _documents(platform: Platform, heard: Heard) -> list[dict[str, Any]]:
    found: dict[str, _OfDocument] = defaultdict(_OfDocument)
    for row in heard.asked:
        shown = {document for _chunk, document in row["shown"]}
        for document in shown:
            found[document].shown += 1
            # A rating of the whole says something of a document only where it was all that was shown.
            (found[document].own if len(shown) == 1 else found[document].beside).extend(heard.ratings(row))
        for document in {one["document"] for one in row["citations"]}:
            found[document].cited += 1
        for one in heard.said.get(row["id"], ()):
            if one["document_id"] and one["kind"] == Kind.RATING:
                found[one["document_id"]].own.append(one["value"])
            elif one["document_id"] and one["kind"] == Kind.RIGHT_PASSAGE:
                found[one["document_id"]].right += 1
    names = _names(platform, found)
    drawn = [
        {
            "document_id": document,
            "document": names.get(document, "an erased document"),
            "shown": one.shown,
            "cited": one.cited,
            "named_as_right": one.right,
            "ratings": len(one.own),
            "mean": _mean(one.own),
            "beside_others_up": sum(value > 0 for value in one.beside),
            "beside_others_down": sum(value < 0 for value in one.beside),
        }
        for document, one in found.items()
    ]
    return sorted(drawn, key=lambda one: (one["mean"] if one["ratings"] else 2, -one["ratings"], -one["shown"]))


def _names(platform: Platform, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    with platform.catalog.read() as connection:
        for batch in batched(sorted(ids)):
            query = select(documents.c.id, documents.c.source, documents.c.key).where(documents.c.id.in_(batch))
            found |= {row.id: f"{row.source}:{row.key}" for row in connection.execute(query) if row.key}
    return found


def _mean(values: Sequence[float]) -> float | None:
    return round(fmean(values), 3) if values else None
