"""Two windows differ where they do, and where they do not a test says so as rarely as it promises."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.random import Generator
from scipy.spatial.distance import cdist
from scipy.stats import binom

from penstock.monitoring.windows import Sample, coefficient, drifted, unlike, worse

ALPHA = 1 / 1825
"""What one signal of five may spend on one day of a year in which one false alarm is allowed."""
WINDOWS = 1_000


def visits(rng: Generator, people: int, share: float, more: float = 2.0) -> Sample:
    """Each of the people refused as often as suits them: what one does is alike."""
    own = np.clip(share + rng.normal(0, 0.25, people), 0, 1)
    who = np.repeat(np.arange(people), 1 + rng.poisson(more, people))
    return Sample((rng.random(len(who)) < own[who]).astype(np.float64), [str(one) for one in who])


def questions(rng: Generator, people: int, new: float = 0.0) -> Sample:
    """Unit vectors about two topics of each person; ``new`` is the share of people who come with a third."""
    topics = np.random.default_rng(7).normal(size=(12, 24))
    own = np.where(rng.random(people) < new, 11, rng.integers(0, 11, people))
    who = np.repeat(np.arange(people), 1 + rng.poisson(2.0, people))
    vectors = topics[own[who]] + rng.normal(0, 1.5, (len(who), 24))
    return Sample(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), [str(one) for one in who])


def test_a_rise_is_seen_in_its_direction_only() -> None:
    rng = np.random.default_rng(1)
    before, now = visits(rng, 120, 0.1), visits(rng, 40, 0.5)
    up, down = worse(before, now, 1, ALPHA), worse(before, now, -1, ALPHA)
    assert up.size == down.size == pytest.approx(now.values.mean() - before.values.mean())
    assert up.p <= ALPHA
    assert down.p > 0.9


def test_one_person_who_complains_a_hundred_times_is_one() -> None:
    """The same ratings by as many people are beyond doubt."""
    good = Sample(np.ones(30), [f"good {one}" for one in range(30)])
    ratings = np.concatenate([np.ones(11), -np.ones(100)])
    one = Sample(ratings, [*(f"other {n}" for n in range(11)), *["loud"] * 100])
    many = Sample(ratings, [str(n) for n in range(111)])
    assert worse(good, one, -1, ALPHA).p > 0.1
    assert worse(good, many, -1, ALPHA).p <= ALPHA


def test_where_all_are_equal_nothing_changed() -> None:
    same = Sample(np.ones(20), [str(one) for one in range(20)])
    found = worse(same, same, -1, ALPHA)
    assert (found.size, found.p) == (0.0, 1.0)
    alike = Sample(np.tile([1.0, 0.0], (20, 1)), [str(one) for one in range(20)])
    found = drifted(alike, alike, ALPHA)
    assert (found.size, found.p) == (0.0, 1.0)


def test_a_topic_that_is_new_is_seen_and_named() -> None:
    rng = np.random.default_rng(2)
    before, now = questions(rng, 90), questions(rng, 40, new=0.5)
    found = drifted(before, now, ALPHA)
    assert found.p <= ALPHA
    assert 0.005 < found.size < 0.1
    topic = np.random.default_rng(7).normal(size=(12, 24))[11]
    first = now.values[unlike(before.values, now.values)[:10]]
    assert (first @ topic / np.linalg.norm(topic)).mean() > (now.values @ topic / np.linalg.norm(topic)).mean() + 0.2


def test_the_coefficient_is_that_of_the_definition() -> None:
    """Also where people ask unequally often, and for several divisions of them at once."""
    rng = np.random.default_rng(6)
    who = np.array([0, 0, 0, 1, 2, 2, 3, 4, 4, 4, 4, 4])
    vectors = rng.normal(size=(len(who), 3))
    distances, counts = cdist(vectors, vectors), np.bincount(who).astype(np.float64)
    summed = np.array([[distances[np.ix_(who == a, who == b)].sum() for b in range(5)] for a in range(5)])
    olds, news = np.array([[0, 3], [2, 4]]), np.array([[1, 2, 4], [0, 1, 3]])
    for old, new, found in zip(olds, news, coefficient(summed, counts, olds, news), strict=True):
        one, other = np.isin(who, old), np.isin(who, new)
        across = 2 * distances[np.ix_(one, other)].mean()
        within = distances[np.ix_(one, one)].mean() + distances[np.ix_(other, other)].mean()
        assert found == pytest.approx((across - within) / across)


def test_the_same_people_in_both_windows_are_no_change() -> None:
    rng = np.random.default_rng(3)
    both = questions(rng, 60)
    early = np.arange(len(both.who)) % 2 == 0
    halves = [
        Sample(both.values[half], [who for who, so in zip(both.who, half, strict=True) if so])
        for half in (early, ~early)
    ]
    assert drifted(*halves, ALPHA).p > 0.05


def at_most(level: float) -> int:
    """False ones among ``WINDOWS``, if the level holds: more come once in a thousand times."""
    return int(binom.ppf(0.999, WINDOWS, level))


@pytest.mark.long
@pytest.mark.parametrize(("before", "now", "more"), [(120, 40, 2.0), (40, 12, 2.0), (120, 40, 6.0)])
def test_windows_without_a_change_alarm_as_rarely_as_is_promised(before: int, now: int, more: float) -> None:
    """``more``: in the window before people came more often than the twice of now, which is not exchangeable."""
    rng = np.random.default_rng(4)
    p = [worse(visits(rng, before, 0.2, more), visits(rng, now, 0.2), 1, ALPHA).p for _ in range(WINDOWS)]
    for level in (0.05, 0.01, 0.001):
        assert sum(one <= level for one in p) <= at_most(level)


@pytest.mark.long
def test_questions_without_a_change_alarm_as_rarely_as_is_promised() -> None:
    rng = np.random.default_rng(5)
    p = [drifted(questions(rng, 60), questions(rng, 20), ALPHA).p for _ in range(WINDOWS)]
    for level in (0.05, 0.01, 0.001):
        assert sum(one <= level for one in p) <= at_most(level)


def test_where_every_permutation_is_seen_what_is_observed_counts_once() -> None:
    """Four people against four can be parted in seventy ways, and only one of them is as bad."""
    before = Sample(np.array([0.9, 0.8, 0.7, 0.6]), ["a", "b", "c", "d"])
    now = Sample(np.array([0.5, 0.4, 0.3, 0.2]), ["e", "f", "g", "h"])
    assert worse(before, now, direction=-1, alpha=0.05).p == pytest.approx(1 / 70)
