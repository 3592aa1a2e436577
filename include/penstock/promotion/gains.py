"""How much better a challenger is than the champion on the same examples, and how easily luck would do the same.

Examples of one group (a document, near-duplicates, a session) are not independent, so luck is drawn by group:
intervals by resampling groups (BCa, Efron 1987), the p-value by flipping the sign of whole groups, which is exact
where the two are equally good and their differences so symmetric (Fisher 1935; SciPy's ``permutation_test``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIRST, ENOUGH = 2_000, 40
"""Sign flips that are drawn at first, and how many of them that do as well make it plain that luck would."""
AT_LEAST_BEYOND = 20
"""Flips are drawn until so many beyond the level asked for are to be expected."""
RESAMPLES, MOST_RESAMPLES = 5_000, 200_000
BATCH = 1_000
ROUNDING = 1e-12
"""Of the largest sum that flips can give: a flip that gives as much may be summed to so much less."""
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Gain:
    """Mean difference of ``n`` examples in ``groups`` groups, challenger less champion.

    ``low`` and ``high`` are the ends of the interval of ``level``; ``p`` is the chance that luck alone does as well
    against ``minimum``. ``resolvable`` is the gain above the minimum that a test at this level finds in four of five
    cases: a smaller one may be real and yet go unseen.
    """

    mean: float
    low: float
    high: float
    level: float
    p: float
    minimum: float
    resolvable: float
    n: int
    groups: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def gain(differences: Sequence[float], groups: Sequence[str], alpha: float, minimum: float = 0.0) -> Gain:
    """Measure a gain. ``alpha`` is the chance of a false one that may be spent, one-sided: the interval is 1 - 2 alpha.

    Needs two groups or more. Deterministic. Raises ``ValueError`` where the two lists are not of one length, or hold
    less.
    """
    sums, sizes = by_group(differences, groups)
    if len(sums) < 2:
        raise ValueError(f"{len(sums)} groups tell nothing of luck; there must be 2 at least")
    low, high = _interval(sums, sizes, alpha)
    return Gain(
        mean=float(sums.sum() / sizes.sum()),
        low=low,
        high=high,
        level=1 - 2 * alpha,
        p=p_value(sums - minimum * sizes, alpha),
        minimum=minimum,
        resolvable=_resolvable(sums, sizes, alpha),
        n=int(sizes.sum()),
        groups=len(sums),
    )


def fewest_groups(alpha: float) -> int:
    """With fewer groups no gain, however large, has a p-value of ``alpha``: there are too few ways to flip their signs.

    >>> fewest_groups(0.025), fewest_groups(0.00014)
    (6, 13)
    """
    return next(groups for groups in count(2) if 1 / 2**groups <= alpha)


def p_value(excess: NDArray[np.float64], alpha: float) -> float:
    """The chance, one-sided, that sums by group are as large by luck of their signs; to be compared with ``alpha``.

    Of few groups every flip is counted, what was observed among them. Of many, flips are drawn in two steps: where the
    first few show that it is far from ``alpha``, more would tell nothing (Besag and Clifford, "Sequential Monte Carlo
    p-values", 1991); what was observed is then counted beside those that were drawn.
    """
    if not excess.any():
        return 1.0
    every = 2 ** len(excess)
    beyond, drawn = _flipped(excess, FIRST, seed=0)
    if beyond < ENOUGH and drawn < every:
        more = min(MOST_RESAMPLES, max(FIRST, math.ceil(AT_LEAST_BEYOND / alpha)))
        more = max(more, math.ceil(2 / alpha))  # with fewer than 1 / alpha no gain would ever do
        beyond, drawn = _flipped(excess, more, seed=1)
    return beyond / every if drawn == every else (1 + beyond) / (1 + drawn)


def _flipped(excess: NDArray[np.float64], resamples: int, seed: int) -> tuple[int, int]:
    """How many flips give as much, and of how many: of every one, where there are no more than ``resamples``."""
    from scipy.stats import permutation_test

    def total(values: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(values.sum(axis=axis))

    found = permutation_test(
        (excess,),
        total,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=BATCH,
        alternative="greater",
        rng=seed,
    )
    null = np.asarray(found.null_distribution)
    least = float(excess.sum()) - ROUNDING * float(np.abs(excess).sum())
    return int((null >= least).sum()), len(null)


def by_group(differences: Sequence[float], groups: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The sum of the differences of each group, and how many it has."""
    if len(differences) != len(groups):
        raise ValueError(f"{len(differences)} differences and {len(groups)} groups; each example has one of both")
    _, place = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums = np.bincount(place, weights=np.asarray(differences, dtype=np.float64))
    return sums.astype(np.float64), np.bincount(place).astype(np.float64)


def _interval(sums: NDArray[np.float64], sizes: NDArray[np.float64], alpha: float) -> tuple[float, float]:
    if np.ptp(sums / sizes) == 0:
        return float(sums[0] / sizes[0]), float(sums[0] / sizes[0])
    from scipy.stats import bootstrap

    def ratio(s: NDArray[np.float64], n: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(s.sum(axis=axis) / n.sum(axis=axis))

    interval = bootstrap(
        (sums, sizes),
        ratio,
        paired=True,
        vectorized=True,
        n_resamples=min(MOST_RESAMPLES, max(RESAMPLES, math.ceil(AT_LEAST_BEYOND / alpha))),
        batch=BATCH,
        confidence_level=1 - 2 * alpha,
        method="BCa",
        rng=0,
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _resolvable(sums: NDArray[np.float64], sizes: NDArray[np.float64], alpha: float) -> float:
    """From the linearised standard error of a ratio of sums by group (Cochran, "Sampling Techniques", 1977, 6.3)."""
    from scipy.stats import t

    groups, total = len(sums), sizes.sum()
    rest = sums - sums.sum() / total * sizes
    error = math.sqrt(groups / (groups - 1) * float((rest**2).sum())) / total
    return float((t.ppf(1 - alpha, groups - 1) + t.ppf(POWER, groups - 1)) * error)
