"""What creeps is found with its day, and where nothing changes hardly anything is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from numpy.random import Generator

from penstock.monitoring.alarms import SIGNALS
from penstock.monitoring.days import Asked, by_day
from penstock.monitoring.drift import spread, turned
from penstock.monitoring_settings import MonitoringSettings

FIRST = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAYS, A_DAY = 90, 12


def history(rng: Generator, shares: Iterator[float]) -> list[Asked]:
    """Twelve people a day for as many days as there are shares, each refused with that day's share."""
    return [
        Asked((FIRST + timedelta(days=day)).timestamp() + n, f"{day} {n}", refused=bool(rng.random() < share))
        for day, share in enumerate(shares)
        for n in range(A_DAY)
    ]


def refused(row: Asked) -> float:
    return float(bool(row.refused))


def test_what_creeps_is_found_about_when_it_began() -> None:
    rng = np.random.default_rng(1)
    found = turned(history(rng, iter([0.1] * 45 + [0.1 + 0.01 * day for day in range(45)])), refused)
    assert found is not None
    assert found.before < 0.2 < found.now
    assert date(2026, 2, 15) < found.since <= found.seen + timedelta(days=10) <= date(2026, 4, 10)


def test_a_step_is_dated_to_within_days() -> None:
    found = turned(history(np.random.default_rng(3), iter([0.1] * 60 + [0.35] * 30)), refused)
    assert found is not None
    assert abs((found.since - date(2026, 3, 2)).days) <= 4
    assert found.since <= found.seen <= date(2026, 3, 20)


def test_a_history_without_change_or_without_anything_has_no_turn() -> None:
    assert turned([], refused) is None
    assert turned(history(np.random.default_rng(1), iter([0.0] * DAYS)), refused) is None
    assert turned(history(np.random.default_rng(1), iter([0.2] * DAYS)), refused) is None
    assert turned(history(np.random.default_rng(1), iter([0.2] * DAYS)), lambda row: row.rating) is None


def test_what_one_person_does_on_one_day_counts_once() -> None:
    rows = history(np.random.default_rng(1), iter([0.1] * DAYS))
    loud = [Asked(rows[-1].at, "loud", refused=True)] * 500
    assert turned([*rows, *loud], refused) is None


def test_questions_are_taken_from_all_of_the_time() -> None:
    rows = [Asked(float(n), "p", query=f"q{n}" if n % 2 else None) for n in range(100)]
    found = [row.query for row in spread(rows, 5)]
    assert found == ["q1", "q25", "q49", "q73", "q99"]
    assert spread(rows[:1], 5) == []
    assert len(spread(rows, 1000)) == 50


def test_days_without_a_question_are_days() -> None:
    rows = [
        Asked(FIRST.timestamp(), "a", refused=True, rating=-1.0, score=0.4, confidence=0.2),
        Asked(FIRST.timestamp() + 60, "a", refused=False, score=0.6),
        Asked((FIRST + timedelta(days=2)).timestamp(), "b"),
    ]
    assert by_day(rows)[0].to_dict() == {
        "day": "2026-01-01",
        "asked": 2,
        "people": 1,
        "answers": 2,
        "refused": 1,
        "ratings": 1,
        "rating": -1.0,
        "score": 0.5,
        "confidence": 0.2,
    }
    assert [(one.day.day, one.asked, one.rating) for one in by_day(rows)] == [(1, 2, -1.0), (2, 0, None), (3, 1, None)]
    assert by_day([]) == []


@pytest.mark.long
def test_what_creeps_is_seldom_seen_where_nothing_does() -> None:
    """1,000 quarters of a year: at most one of twenty has a rise that would pass the limit of refusals."""
    rng = np.random.default_rng(2)
    limit = getattr(MonitoringSettings(), SIGNALS[1].limit)
    found = [turned(history(rng, iter([0.2] * DAYS)), refused) for _ in range(1_000)]
    assert sum(one is not None and one.now - one.before > limit for one in found) <= 50
