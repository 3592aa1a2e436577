"""Which changes are alarms: those that luck does not explain and that are larger than is allowed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from penstock.monitoring.days import Asked
from penstock.monitoring.drift import Turn
from penstock.monitoring_settings import MonitoringSettings

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Signal:
    """A figure of an interaction whose mean is watched.

    ``direction`` is 1 where more is worse, -1 where less is; ``limit`` names the setting that a change may not pass,
    ``command`` what leads on, and ``none`` says why there is no such figure.
    """

    name: str
    title: str
    value: Callable[[Asked], float | None]
    direction: int
    limit: str
    format: str
    command: str
    none: str


RATING = "rating"
SIGNALS = (
    Signal(
        name=RATING,
        title="the mean rating",
        value=lambda one: one.rating,
        direction=-1,
        limit="max_rating_fall",
        format="+.2f",
        command="triage",
        none="nobody rated an answer",
    ),
    Signal(
        name="refused",
        title="the share of refused answers",
        value=lambda one: None if one.refused is None else float(one.refused),
        direction=1,
        limit="max_refused_rise",
        format=".1%",
        command="advise",
        none="no answer was asked for here: searches, or an imported log",
    ),
    Signal(
        name="score",
        title="the best passage's score",
        value=lambda one: one.score,
        direction=-1,
        limit="max_score_fall",
        format=".3f",
        command="advise",
        none="no scores were recorded; an imported log has none",
    ),
    Signal(
        name="confidence",
        title="the chance that the index holds an answer",
        value=lambda one: one.confidence,
        direction=-1,
        limit="max_confidence_fall",
        format=".3f",
        command="advise",
        none="no answer was asked for here: searches, or an imported log",
    ),
)
QUESTIONS = "questions"
LOOKS = len(SIGNALS) + 1


@dataclass(frozen=True, slots=True)
class Change:
    """One signal in two windows. ``p`` is None where it was not tested, and ``untested`` then says why.

    Of the questions' meanings there is no mean: ``size`` is how far they went apart, ``examples`` what is new.
    """

    signal: str
    before: float | None = None
    now: float | None = None
    size: float | None = None
    n_before: int = 0
    n: int = 0
    people_before: int = 0
    people: int = 0
    p: float | None = None
    untested: str | None = None
    turn: Turn | None = None
    examples: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "turn": self.turn.to_dict() if self.turn else None}


@dataclass(frozen=True, slots=True)
class Alarm:
    """What passed a limit, in a sentence, and the command that leads on."""

    signal: str
    why: str
    command: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def alpha(settings: MonitoringSettings) -> float:
    """What one signal may spend of luck on one day, so that a year of days and signals together expects no more.

    The sum holds however much the days have in common (linearity of expectation).

    >>> round(alpha(MonitoringSettings()), 6)
    0.000548
    """
    return settings.false_alarms_a_year / (DAYS_A_YEAR * LOOKS)


def of_mean(index: str, signal: Signal, change: Change, settings: MonitoringSettings, recent: date) -> Alarm | None:
    """The alarm of a mean that got worse, at once or by and by; ``recent`` is the first day of the window that is."""
    limit: float = getattr(settings, signal.limit)
    sudden = change.p is not None and change.p <= alpha(settings) and _worse(signal, change.before, change.now) > limit
    turn = change.turn
    crept = turn is not None and turn.seen >= recent and _worse(signal, turn.before, turn.now) > limit
    verb = "rose" if signal.direction > 0 else "fell"
    since = f"; since about {turn.since}" if turn is not None and crept else ""
    if sudden:
        told = f"{_shown(signal, change.before)} to {_shown(signal, change.now)}; p is {change.p:.5f}"
        asked = f"{alpha(settings):.5f} is asked"
        why = f"{signal.title} {verb} from {told}, {asked}{since}"
    elif turn is not None and crept:
        told = f"{_shown(signal, turn.before)} to {_shown(signal, turn.now)}"
        why = f"{signal.title} {verb} by and by from {told}{since}"
    else:
        return None
    start = turn.since if turn is not None and crept else recent
    return Alarm(signal.name, why, f"penstock {signal.command} {index} --since {start}")


def of_questions(index: str, change: Change, settings: MonitoringSettings, recent: date) -> Alarm | None:
    """The alarm of questions that are about other things than before."""
    if change.p is None or change.size is None or change.p > alpha(settings):
        return None
    if change.size <= settings.max_question_drift:
        return None
    why = (
        f"people ask about other things than before: by {change.size:.3f}, {settings.max_question_drift:.3f} is "
        f"allowed; p is {change.p:.5f}, {alpha(settings):.5f} is asked"
    )
    return Alarm(QUESTIONS, why, f"penstock advise {index} --since {recent}")


def _worse(signal: Signal, before: float | None, now: float | None) -> float:
    return 0.0 if before is None or now is None else signal.direction * (now - before)


def _shown(signal: Signal, value: float | None) -> str:
    return "" if value is None else format(value, signal.format)
