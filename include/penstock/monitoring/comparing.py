"""Each signal of a recent window against the one before it: a change with its figures, or why there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from penstock import wording
from penstock.monitoring.alarms import QUESTIONS, SIGNALS, Change, Signal, alpha
from penstock.monitoring.days import Asked
from penstock.monitoring.drift import EXAMPLES, meanings, spread, turned
from penstock.monitoring.windows import Sample, drifted, unlike, worse
from penstock.monitoring_settings import MonitoringSettings
from penstock.platform import Platform

FEWEST = 10
"""People, or sessions, on each side: of fewer no mean tells what the others would do."""
OF_A_SEARCH = ("score", "confidence")
"""Figures that mean something else once another model, or another way of searching, gives them."""


def compared(
    signal: Signal,
    history: Sequence[Asked],
    before: Sequence[Asked],
    now: Sequence[Asked],
    settings: MonitoringSettings,
) -> Change:
    """The change of one mean. Scores are compared only with those that came about as the latest did."""
    if signal.name in OF_A_SEARCH:
        history, before, now = (alike(history, rows) for rows in (history, before, now))
    old, new = sample(before, signal.value), sample(now, signal.value)
    untested = too_few(old.people, new.people, signal.none)
    found = None if untested else worse(old, new, signal.direction, alpha(settings))
    return Change(
        signal=signal.name,
        before=mean(old),
        now=mean(new),
        size=found.size if found else None,
        n_before=len(old.values),
        n=len(new.values),
        people_before=old.people,
        people=new.people,
        p=found.p if found else None,
        untested=untested,
        turn=turned(history, signal.value),
    )


def questions_compared(
    platform: Platform, index: str, before: Sequence[Asked], now: Sequence[Asked], settings: MonitoringSettings
) -> Change:
    """The change of what is asked, by meaning. Embeds up to ``settings.questions`` of each window."""
    if not settings.questions:
        return Change(QUESTIONS, untested="monitoring.questions is 0")
    old, new = spread(before, settings.questions), spread(now, settings.questions)
    if (before or now) and not (old or new):
        return Change(QUESTIONS, untested="the texts are not kept: interactions.keep_queries is false")
    before_people, people = (len({row.who for row in rows}) for rows in (old, new))
    change = Change(QUESTIONS, n_before=len(old), n=len(new), people_before=before_people, people=people)
    if untested := too_few(before_people, people, "nothing was asked"):
        return replace(change, untested=untested)
    vectors = meanings(platform, index, [*old, *new])
    if vectors is None:
        return replace(change, untested="no release is live, so that no model is known to read them with")
    first, second = (part.astype(np.float64) for part in (vectors[: len(old)], vectors[len(old) :]))
    found = drifted(Sample(first, [row.who for row in old]), Sample(second, [row.who for row in new]), alpha(settings))
    strangest = dict.fromkeys(str(new[place].query) for place in unlike(first, second))
    return replace(change, size=found.size, p=found.p, examples=tuple(strangest)[:EXAMPLES])


def all_compared(
    platform: Platform,
    index: str,
    history: Sequence[Asked],
    before: Sequence[Asked],
    now: Sequence[Asked],
    settings: MonitoringSettings,
) -> list[Change]:
    """Every signal, and the questions."""
    means = [compared(signal, history, before, now, settings) for signal in SIGNALS]
    return [*means, questions_compared(platform, index, before, now, settings)]


def alike(history: Sequence[Asked], rows: Sequence[Asked]) -> list[Asked]:
    """Those of the rows that were searched as the latest of the history with a score was."""
    latest = next((row.searched for row in reversed(history) if row.score is not None), None)
    return [row for row in rows if row.searched == latest]


def sample(rows: Sequence[Asked], value: Callable[[Asked], float | None]) -> Sample:
    """The rows that have such a value."""
    found = [(row.who, one) for row in rows if (one := value(row)) is not None]
    return Sample(np.asarray([one for _, one in found], dtype=np.float64), [who for who, _ in found])


def mean(values: Sample) -> float | None:
    return float(values.values.mean()) if len(values.values) else None


def too_few(before: int, now: int, none: str) -> str | None:
    """Why so many people tell nothing of the others, ``none`` where there is nobody; None where they are enough.

    >>> too_few(0, 0, "nobody rated")
    'nobody rated'
    >>> too_few(1, 12, "nobody rated")
    'by 1 person or session before and 12 now; 10 on each side are needed'
    """
    if min(before, now) >= FEWEST:
        return None
    if not before and not now:
        return none
    seen = f"by {wording.count(before, 'person or session', 'people or sessions')} before and {now} now"
    return f"{seen}; {FEWEST} on each side are needed"
