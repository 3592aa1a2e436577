"""What is an alarm and what is not: luck, limits, direction, and what creeps."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from penstock.monitoring.alarms import QUESTIONS, SIGNALS, Alarm, Change, of_mean, of_questions
from penstock.monitoring.drift import Turn
from penstock.monitoring.promoted import Promoted, proposal
from penstock.monitoring.running import each_once
from penstock.monitoring_settings import MonitoringSettings

SETTINGS = MonitoringSettings()
RECENT = date(2026, 5, 8)
RATING, REFUSED, *_ = SIGNALS
FELL = Change("rating", before=0.4, now=0.1, size=-0.3, p=0.0001)
TURN = Turn(since=date(2026, 5, 3), seen=date(2026, 5, 9), before=0.45, now=0.2)


def test_a_fall_that_is_large_and_no_luck_is_an_alarm() -> None:
    assert of_mean("main", RATING, FELL, SETTINGS, RECENT) == Alarm(
        "rating",
        "the mean rating fell from +0.40 to +0.10; p is 0.00010, 0.00055 is asked",
        "penstock triage main --since 2026-05-08",
    )


def test_a_change_that_is_dated_says_since_when() -> None:
    dated = Change("rating", before=0.4, now=0.1, size=-0.3, p=0.0001, turn=TURN)
    found = of_mean("main", RATING, dated, SETTINGS, RECENT)
    assert found is not None
    assert found.why.endswith("0.00055 is asked; since about 2026-05-03")
    assert found.command == "penstock triage main --since 2026-05-03"


def test_what_creeps_is_an_alarm_in_the_days_in_which_it_is_seen() -> None:
    crept = Change("rating", before=0.3, now=0.2, size=-0.1, p=0.4, turn=TURN)
    found = of_mean("main", RATING, crept, SETTINGS, RECENT)
    assert found is not None
    assert found.why == "the mean rating fell by and by from +0.45 to +0.20; since about 2026-05-03"
    assert of_mean("main", RATING, crept, SETTINGS, date(2026, 5, 10)) is None, "it was told of in the days before"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(Change("rating", before=0.4, now=0.1, size=-0.3, p=0.002), id="luck"),
        pytest.param(Change("rating", before=0.4, now=0.31, size=-0.09, p=0.0001), id="small"),
        pytest.param(Change("rating", before=0.1, now=0.4, size=0.3, p=0.0001), id="better"),
        pytest.param(Change("rating", before=0.4, now=0.1, untested="nobody rated an answer"), id="untested"),
        pytest.param(Change("rating", p=0.4, turn=Turn(RECENT, RECENT, 0.2, 0.5)), id="crept up"),
    ],
)
def test_anything_else_is_none(change: Change) -> None:
    assert of_mean("main", RATING, change, SETTINGS, RECENT) is None


def test_of_refusals_more_is_worse() -> None:
    more = Change("refused", before=0.08, now=0.21, size=0.13, p=0.0002)
    found = of_mean("main", REFUSED, more, SETTINGS, RECENT)
    assert found is not None
    assert found.why == "the share of refused answers rose from 8.0% to 21.0%; p is 0.00020, 0.00055 is asked"
    assert of_mean("main", REFUSED, Change("refused", 0.21, 0.08, -0.13, p=0.0002), SETTINGS, RECENT) is None


def test_fewer_false_alarms_ask_for_a_clearer_change() -> None:
    strict = MonitoringSettings(false_alarms_a_year=0.1)
    assert of_mean("main", RATING, FELL, strict, RECENT) is None


def test_other_questions_are_an_alarm_where_they_are_far_off() -> None:
    found = of_questions("main", Change(QUESTIONS, size=0.05, p=0.0001), SETTINGS, RECENT)
    assert found == Alarm(
        "questions",
        "people ask about other things than before: by 0.050, 0.005 is allowed; p is 0.00010, 0.00055 is asked",
        "penstock advise main --since 2026-05-08",
    )
    for change in (Change(QUESTIONS, size=0.004, p=0.0001), Change(QUESTIONS, size=0.05, p=0.001), Change(QUESTIONS)):
        assert of_questions("main", change, SETTINGS, RECENT) is None


def promotion(**changes: Any) -> Promoted:
    figures: dict[str, Any] = {"before": 0.5, "now": 0.2, "n_before": 90, "n": 40, "p": 0.001, "untested": None}
    at = datetime(2026, 5, 1, tzinfo=UTC)
    return Promoted("embedder", "4f2a", at, days=6, alpha=0.05 / 28, **(figures | changes))


def test_a_fall_after_a_promotion_proposes_to_go_back() -> None:
    assert proposal("main", promotion(), SETTINGS) == Alarm(
        "promotion",
        "since embedder 4f2a was promoted on 2026-05-01 the mean rating fell from +0.50 to +0.20; p is 0.00100, "
        "0.00179 is asked",
        "penstock demote main --why 'ratings fell from +0.50 to +0.20'",
    )


def test_one_fall_of_ratings_is_one_alarm() -> None:
    fell = of_mean("main", RATING, FELL, SETTINGS, RECENT)
    other = of_questions("main", Change(QUESTIONS, size=0.05, p=0.0001), SETTINGS, RECENT)
    back = proposal("main", promotion(), SETTINGS)
    assert fell
    assert other
    assert each_once([fell, other], back) == [other, back]
    assert each_once([fell, other], None) == [fell, other]
    assert each_once([], back) == [back]


@pytest.mark.parametrize(
    "changes", [{"p": 0.002}, {"now": 0.45}, {"p": None, "untested": "nobody rated an answer"}, {"before": 0.1}]
)
def test_nothing_is_proposed_on_luck_or_a_trifle(changes: dict[str, Any]) -> None:
    assert proposal("main", promotion(**changes), SETTINGS) is None
