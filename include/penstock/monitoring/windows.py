"""Whether two windows of time differ by more than luck: in a mean, and in what is asked. Heavy: scipy, on use.

What one person says at different times is not independent, so luck is drawn by person: all that a person did in a
window goes to the one side or the other as a whole. Means are compared by a studentised permutation test, which is
right also where those of one window are more or more alike (Chung and Romano, "Exact and asymptotically robust
permutation tests", 2013); meanings by the energy distance of their vectors (Szekely and Rizzo, "Energy statistics",
2013), which any difference of two distributions moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

FIRST, ENOUGH = 2_000, 40
"""Permutations that are drawn at first, and how many of them that do as well make it plain that luck would."""
AT_LEAST_BEYOND, MOST_RESAMPLES = 10, 200_000
BATCH = 500
SURE = 1e9
"""Standard errors, of a difference where nobody differs from the others of a window."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One window: values (means are compared) or unit vectors, shape (n, dimension), and who each is of."""

    values: Floats
    who: Sequence[str]

    @property
    def people(self) -> int:
        return len(set(self.who))


@dataclass(frozen=True, slots=True)
class Difference:
    """``size``: now less before, of means; of meanings the energy coefficient beyond what luck alone gives.

    ``p`` is the chance that luck alone does as well.
    """

    size: float
    p: float


def worse(before: Sample, now: Sample, direction: int, alpha: float) -> Difference:
    """Compare means; ``direction`` is 1 where more is worse, -1 where less is. Each window has two people or more."""
    sums_before, sizes_before = _by_person(before)
    sums_now, sizes_now = _by_person(now)
    sums, sizes = np.concatenate([sums_before, sums_now]), np.concatenate([sizes_before, sizes_now])

    def studentised(old: Places, new: Places, **_axis: int) -> Floats:
        mean_old, variance_old = _mean(sums[old], sizes[old])
        mean_new, variance_new = _mean(sums[new], sizes[new])
        difference, error = direction * (mean_new - mean_old), np.sqrt(variance_old + variance_new)
        sure = np.where(difference == 0, 0.0, np.copysign(SURE, difference))
        found: Floats = np.divide(difference, error, out=sure, where=error > 0)
        return found

    size = float(sums_now.sum() / sizes_now.sum() - sums_before.sum() / sizes_before.sum())
    return Difference(size, _permuted(studentised, len(sums_before), len(sums), alpha).p)


def drifted(before: Sample, now: Sample, alpha: float) -> Difference:
    """Compare distributions of unit vectors. Each window has two people or more. Memory is by the square of both."""
    from scipy.spatial.distance import cdist

    old, new = _people(before), _people(now)
    place = np.concatenate([old, new + old.max() + 1])
    counts = np.bincount(place).astype(np.float64)
    vectors = np.concatenate([before.values, now.values])
    summed = _summed(_summed(cdist(vectors, vectors), place).T, place)

    def statistic(olds: Places, news: Places, **_axis: int) -> Floats:
        return coefficient(summed, counts, olds, news)

    found = _permuted(statistic, int(old.max()) + 1, len(counts), alpha)
    return Difference(max(found.observed - float(found.null.mean()), 0.0), found.p)


def coefficient(summed: Floats, counts: Floats, olds: Places, news: Places) -> Floats:
    """The energy coefficient of people against other people, 0 to 1; the last axis of both names people.

    ``summed`` are distances, by the pair of people whose questions they lie between, ``counts`` each one's questions.
    """
    first, second = _shares(olds, counts), _shares(news, counts)
    from_first = first @ summed
    across = (from_first * second).sum(axis=-1)
    within = (from_first * first).sum(axis=-1) + ((second @ summed) * second).sum(axis=-1)
    found: Floats = np.divide(2 * across - within, 2 * across, out=np.zeros_like(across), where=across > 0)
    return found


def unlike(before: Floats, now: Floats) -> Places:
    """Places of ``now``, those first that are far from what was before and near to what is asked now."""
    from scipy.spatial.distance import cdist

    return np.argsort(cdist(now, now).mean(axis=1) - cdist(now, before).mean(axis=1), kind="stable")


def _people(sample: Sample) -> Places:
    return np.unique(np.asarray(sample.who, dtype=str), return_inverse=True)[1].astype(np.int64)


def _by_person(sample: Sample) -> tuple[Floats, Floats]:
    place = _people(sample)
    sums = np.bincount(place, weights=sample.values)
    return sums.astype(np.float64), np.bincount(place).astype(np.float64)


def _mean(sums: Floats, sizes: Floats) -> tuple[Floats, Floats]:
    """A ratio of sums by person and its variance, linearised (Cochran, "Sampling Techniques", 1977, 6.3)."""
    total, people = sizes.sum(axis=-1, keepdims=True), sums.shape[-1]
    mean = sums.sum(axis=-1, keepdims=True) / total
    variance = ((sums - mean * sizes) ** 2).sum(axis=-1, keepdims=True) / total**2 * people / (people - 1)
    return mean[..., 0], variance[..., 0]


def _summed(rows: Floats, place: Places) -> Floats:
    found = np.zeros((int(place.max()) + 1, rows.shape[1]))
    np.add.at(found, place, rows)
    return found


def _shares(chosen: Places, counts: Floats) -> Floats:
    """What each question of a person weighs in the window of the chosen people, shape (permutations, all people)."""
    rows = chosen.reshape(-1, chosen.shape[-1])
    found = np.zeros((len(rows), len(counts)))
    np.put_along_axis(found, rows, 1 / counts[rows].sum(axis=-1, keepdims=True), axis=-1)
    return found.reshape(*chosen.shape[:-1], len(counts))


@dataclass(frozen=True, slots=True)
class _Permuted:
    """A statistic as it is, and under permutations of people over the windows: ``every`` one, or some drawn."""

    observed: float
    null: Floats
    every: bool

    @property
    def p(self) -> float:
        """Every permutation counts what is observed already; beside drawn ones it counts as one more."""
        beyond = int((self.null >= self.observed - abs(self.observed) * 1e-12).sum())
        more = 0 if self.every else 1
        return (beyond + more) / (len(self.null) + more)


def _permuted(statistic: Callable[..., Floats], before: int, people: int, alpha: float) -> _Permuted:
    """``before`` of the ``people`` are in the first window.

    Drawn in two steps: where the first few show that luck does as well, more would tell nothing (Besag and Clifford,
    "Sequential Monte Carlo p-values", 1991). Deterministic.
    """
    from scipy.stats import permutation_test

    everyone = np.arange(people)
    windows = (everyone[:before], everyone[before:])

    def drawn(resamples: int, seed: int) -> _Permuted:
        found = permutation_test(
            windows, statistic, vectorized=True, n_resamples=resamples, batch=BATCH, alternative="greater", rng=seed
        )
        every = math.comb(people, before) <= resamples  # scipy goes through all of them then
        return _Permuted(float(found.statistic), np.asarray(found.null_distribution), every)

    first = drawn(FIRST, seed=0)
    if first.every or int((first.null >= first.observed).sum()) >= ENOUGH:
        return first
    return drawn(min(MOST_RESAMPLES, max(FIRST, math.ceil(AT_LEAST_BEYOND / alpha))), seed=1)
