"""How people rate what a promoted model answers, against what they rated before it.

It is looked at each day, and each look may spend an equal part of what luck may get in all: over the days that are
watched a model that is as good is proposed for demotion in at most one of twenty promotions (Bonferroni).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select

from penstock import manifest
from penstock.catalog.schema import promotions
from penstock.monitoring.alarms import Alarm
from penstock.monitoring.comparing import mean, sample, too_few
from penstock.monitoring.days import asked
from penstock.monitoring.windows import worse
from penstock.monitoring_settings import MonitoringSettings
from penstock.platform import Platform
from penstock.promotion.looks import BUDGET

PROMOTION = "promotion"
NOBODY = "nobody rated an answer"


@dataclass(frozen=True, slots=True)
class Promoted:
    """The newest promotion that was in force, and the ratings before and since. ``p`` as in ``alarms.Change``."""

    purpose: str
    model: str
    at: datetime
    days: int
    alpha: float
    before: float | None
    now: float | None
    n_before: int
    n: int
    p: float | None
    untested: str | None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat()}


def promoted(platform: Platform, index: str, settings: MonitoringSettings, until: datetime) -> Promoted | None:
    """Compare the ratings of the promotion that was in force then; None where none was, or the watch is over.

    Nor is one watched that a rollback took out: it may come back with its release.
    """
    end = until.timestamp()
    in_force = promotions.c.at < end, or_(promotions.c.undone_at.is_(None), promotions.c.undone_at > end)
    query = select(promotions).where(promotions.c.index_name == index, *in_force)
    with platform.catalog.read() as connection:
        row = connection.execute(query.order_by(promotions.c.id.desc()).limit(1)).first()
        serving = manifest.champions(connection, index)
    if row is None or (row.undone_at is None and serving.get(row.purpose) != row.model):
        return None
    at = datetime.fromtimestamp(row.at, UTC)
    days = (until - at).days
    if days > settings.watch_days:
        return None
    alpha = BUDGET / settings.watch_days
    rows = asked(platform, index, at - timedelta(days=settings.reference_days), until)
    before = sample([one for one in rows if one.at < row.at], lambda one: one.rating)
    now = sample([one for one in rows if one.at >= row.at], lambda one: one.rating)
    untested = too_few(before.people, now.people, NOBODY) if days else "a whole day since then is needed"
    return Promoted(
        purpose=row.purpose,
        model=row.model,
        at=at,
        days=days,
        alpha=alpha,
        before=mean(before),
        now=mean(now),
        n_before=len(before.values),
        n=len(now.values),
        p=None if untested else worse(before, now, -1, alpha).p,
        untested=untested,
    )


def last_changed(platform: Platform, index: str, until: datetime) -> float:
    """When a model of the index was last promoted or demoted before then; 0 where none was."""
    query = select(promotions.c.at, promotions.c.undone_at).where(promotions.c.index_name == index)
    with platform.catalog.read() as connection:
        moved = [at for row in connection.execute(query) for at in (row.at, row.undone_at) if at is not None]
    return max((at for at in moved if at < until.timestamp()), default=0.0)


def proposal(index: str, found: Promoted, settings: MonitoringSettings) -> Alarm | None:
    """To go back, where the ratings fell further than is allowed and luck does not explain it; a person decides."""
    if found.p is None or found.before is None or found.now is None or found.p > found.alpha:
        return None
    if found.before - found.now <= settings.max_rating_fall:
        return None
    why = (
        f"since {found.purpose} {found.model} was promoted on {found.at:%Y-%m-%d} the mean rating fell from "
        f"{found.before:+.2f} to {found.now:+.2f}; p is {found.p:.5f}, {found.alpha:.5f} is asked"
    )
    return Alarm(
        PROMOTION, why, f"penstock demote {index} --why 'ratings fell from {found.before:+.2f} to {found.now:+.2f}'"
    )
