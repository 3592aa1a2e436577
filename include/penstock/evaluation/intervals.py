"""How much of a figure is luck of the questions: bootstrap intervals, the same ones every time.

BCa after Efron, "Better Bootstrap Confidence Intervals", 1987, from SciPy. A difference between two systems is that of
each question, so what both find hard or easy takes nothing from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 5000
BATCH = 500
"""Samples that are held at once: with 10,000 questions 40 MB."""
MANY = 2000
"""With so many questions the percentile interval says the same, without a jackknife that costs their square."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over ``n`` questions and the ends of its 95 % interval; of fewer than two questions there is none."""

    mean: float
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def below_zero_by(self) -> float:
        """How far the whole interval lies below zero; 0 where it does not, or there is no interval."""
        return max(0.0, -self.high) if self.high is not None else 0.0


def score(values: Sequence[float]) -> Figure:
    """The mean of scores from 0 to 1. Where all are 1, or all 0, the other end is that of so many of so many (Wilson):
    of ten questions that went well the eleventh may not."""
    found = mean(values)
    if found.n < 2 or found.mean not in (0.0, 1.0):
        return found
    from scipy.stats import binomtest

    ends = binomtest(round(found.mean * found.n), found.n).proportion_ci(CONFIDENCE, method="wilson")
    return Figure(found.mean, float(ends.low), float(ends.high), found.n)


def mean(values: Sequence[float]) -> Figure:
    """The mean of at least one value. Where all are the same, so are the ends."""
    found = np.asarray(values, dtype=np.float64)
    middle = float(found.mean())
    if len(found) < 2:
        return Figure(middle, None, None, len(found))
    if np.ptp(found) == 0:
        return Figure(middle, middle, middle, len(found))
    from scipy.stats import bootstrap

    interval = bootstrap(
        (found,),
        np.mean,
        confidence_level=CONFIDENCE,
        n_resamples=RESAMPLES,
        batch=BATCH,
        method="BCa" if len(found) < MANY else "percentile",
        rng=0,
    ).confidence_interval
    return Figure(middle, float(interval.low), float(interval.high), len(found))
