"""One look at an index: its days, what changed, how the last promotion does, and the alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from penstock.errors import UsageError
from penstock.monitoring.alarms import RATING, SIGNALS, Alarm, Change, alpha, of_mean, of_questions
from penstock.monitoring.comparing import all_compared
from penstock.monitoring.days import Asked, Day, asked, by_day
from penstock.monitoring.promoted import Promoted, last_changed, promoted, proposal
from penstock.monitoring_settings import MonitoringSettings
from penstock.platform import Platform

HISTORY_DAYS = 90
"""Read where nobody says since when: what creeps takes months."""


@dataclass(frozen=True, slots=True)
class Watched:
    """``until`` is midnight, and what came after is not looked at: so one day is one look, however often it is run.

    ``retrain``: something drifted, and the configuration asks for a new model then. Not where a model was promoted or
    demoted after ``recent``, since what drifted was another's doing, and not for what ``demote`` is proposed for.
    """

    index: str
    since: datetime
    reference: datetime
    recent: datetime
    until: datetime
    alpha: float
    days: tuple[Day, ...]
    changes: tuple[Change, ...]
    promoted: Promoted | None
    alarms: tuple[Alarm, ...]
    retrain: bool
    latest: datetime | None

    def to_dict(self) -> dict[str, Any]:
        moments = {name: getattr(self, name).isoformat() for name in ("since", "reference", "recent", "until")}
        return {
            "index": self.index,
            **moments,
            "latest": self.latest.isoformat() if self.latest else None,
            "alpha": self.alpha,
            "alarms": [one.to_dict() for one in self.alarms],
            "retrain": self.retrain,
            "changes": [one.to_dict() for one in self.changes],
            "promoted": self.promoted.to_dict() if self.promoted else None,
            "days": [one.to_dict() for one in self.days],
        }


def watch(platform: Platform, index: str, since: datetime | None = None, until: datetime | None = None) -> Watched:
    """Look at the whole days before ``until`` (by default before today), as far back as ``since`` (90 days).

    Embeds questions with the index's embedder, which a paid one bills. Raises ``UnknownNameError``, and ``UsageError``
    where ``since`` leaves nothing to compare with.
    """
    settings = platform.settings.index(index).monitoring
    end = midnight(until or datetime.now(UTC))
    recent = end - timedelta(days=settings.recent_days)
    begin = midnight(since) if since else end - timedelta(days=HISTORY_DAYS)
    if begin >= recent:
        raise UsageError(
            f"--since {begin:%Y-%m-%d} leaves nothing to compare the last {settings.recent_days} days before "
            f"{end:%Y-%m-%d} with; name a day before {recent:%Y-%m-%d}"
        )
    reference = max(begin, recent - timedelta(days=settings.reference_days))
    history = asked(platform, index, min(begin, reference), end)
    changes = all_compared(
        platform, index, history, between(history, reference, recent), between(history, recent, end), settings
    )
    after = promoted(platform, index, settings, end)
    drifts = alarms(index, changes, settings, recent)
    fall = proposal(index, after, settings) if after else None
    told = each_once(drifts, fall)
    settled = last_changed(platform, index, end) <= recent.timestamp()
    return Watched(
        index=index,
        since=begin,
        reference=reference,
        recent=recent,
        until=end,
        alpha=alpha(settings),
        days=tuple(by_day(history)),
        changes=tuple(changes),
        promoted=after,
        alarms=tuple(told),
        retrain=settings.on_drift == "retrain" and settled and any(one is not fall for one in told),
        latest=datetime.fromtimestamp(history[-1].at, UTC) if history else None,
    )


def alarms(index: str, changes: Sequence[Change], settings: MonitoringSettings, recent: datetime) -> list[Alarm]:
    """Of the signals in their order, and of the questions last."""
    *means, questions = changes
    found = [of_mean(index, *pair, settings, recent.date()) for pair in zip(SIGNALS, means, strict=True)]
    return [one for one in (*found, of_questions(index, questions, settings, recent.date())) if one]


def each_once(drifts: Sequence[Alarm], fall: Alarm | None) -> list[Alarm]:
    """Ratings that fell after a promotion are told of once, by the alarm that says how to go back."""
    return [*(one for one in drifts if fall is None or one.signal != RATING), *([fall] if fall else [])]


def between(rows: Sequence[Asked], since: datetime, until: datetime) -> list[Asked]:
    return [row for row in rows if since.timestamp() <= row.at < until.timestamp()]


def midnight(moment: datetime) -> datetime:
    """The beginning of a moment's day, UTC.

    >>> midnight(datetime(2026, 5, 2, 13, 30, tzinfo=UTC))
    datetime.datetime(2026, 5, 2, 0, 0, tzinfo=datetime.timezone.utc)
    """
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
