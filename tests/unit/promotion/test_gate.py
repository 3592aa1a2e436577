"""A challenger is promoted where it is surely better: luck is asked by group, looks are counted, guards hold."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.promotion import gains, looks
from penstock.promotion.gains import Gain, gain
from penstock.promotion.gate import Limit, Outcome, decide

BETTER = Gain(0.05, 0.02, 0.08, level=0.95, p=0.001, minimum=0.0, resolvable=0.04, n=400, groups=100)
HELD = (Gain(-0.01, -0.02, 0.0, level=0.9, p=0.9, minimum=0.0, resolvable=0.02, n=300, groups=300), 0.03)


def test_what_is_surely_better_is_promoted() -> None:
    verdict = decide(BETTER, 0.025, {"SciFact": HELD}, {"p50": Limit(12.0, 15.0)}, min_examples=100)
    assert (verdict.outcome, verdict.reasons) == (Outcome.PROMOTE, ())


def test_a_tie_keeps_the_champion() -> None:
    tie = gain([0.0] * 300, [str(n // 3) for n in range(300)], alpha=0.025)
    verdict = decide(tie, 0.025, {}, {}, min_examples=100)
    assert verdict.outcome is Outcome.KEEP
    (reason,) = verdict.reasons
    said = "it is no better: +0.000 [+0.000, +0.000]; each of 300 examples says the same"
    assert reason == said


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"alpha": 0.0005}, "the gain of +0.050 [+0.020, +0.080] may be luck: p is 0.0010, 0.0005 is asked"),
        (
            {"guards": {"SciFact": (HELD[0], 0.015)}},
            "on SciFact it may lose more than 0.015: -0.010 [-0.020, +0.000]",
        ),
        ({"limits": {"p50 in ms": Limit(18.0, 15.0)}}, "p50 in ms is 18, at most 15 may be"),
        ({"min_examples": 500}, "400 examples are fewer than 500; they would show a gain of 0.040"),
    ],
)
def test_each_reason_against_it_is_named(changes: dict[str, object], reason: str) -> None:
    asked = {"alpha": 0.025, "guards": {}, "limits": {}, "min_examples": 100, **changes}
    verdict = decide(BETTER, **asked)  # type: ignore[arg-type]
    assert verdict.outcome is not Outcome.PROMOTE
    assert verdict.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("excess", "as_much", "flips"),
    [
        ([0.3, 0.1, -0.2, 0.5, 0.4], 3, 32),  # as it is, with +0.2, and with +0.2 and -0.1
        ([1.0] * 6, 1, 64),
        ([0.2, 0.0, 0.1], 2, 8),  # a group that moved nothing may be flipped or not
        ([0.1, -0.3], 3, 4),  # it lost: all but one flip do as well
        ([0.1] * 10 + [-0.1], 12, 2_048),  # more than are drawn at first
    ],
)
def test_the_p_value_of_few_groups_is_the_share_of_all_flips(excess: list[float], as_much: int, flips: int) -> None:
    least = sum(excess) - 1e-9
    signs = itertools.product((1, -1), repeat=len(excess))
    found = sum(sum(one * sign for one, sign in zip(excess, row, strict=True)) >= least for row in signs)
    assert (found, 2 ** len(excess)) == (as_much, flips)
    assert gains.p_value(np.array(excess), 0.0005) == as_much / flips


def test_a_large_gain_does_at_the_two_hundredth_look() -> None:
    alpha = looks.alpha(200)
    assert alpha < 1 / (1 + gains.MOST_RESAMPLES)
    assert gains.p_value(np.full(60, 0.5), alpha) <= alpha


def test_examples_of_one_group_count_as_one() -> None:
    values = np.random.default_rng(0).normal(0.05, 0.2, 60)
    alone = gain(list(values), [str(n) for n in range(60)], 0.025)
    repeated = gain(list(np.repeat(values, 5)), [str(n // 5) for n in range(300)], 0.025)
    assert (repeated.n, repeated.groups) == (300, 60)
    assert repeated.p == alone.p
    assert (repeated.low, repeated.high) == pytest.approx((alone.low, alone.high))


def test_two_lists_of_different_length_or_a_single_group_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^1 differences and 2 groups; each example has one of both$"):
        gain([0.1], ["a", "b"], 0.025)
    with pytest.raises(ValueError, match=r"^1 groups tell nothing of luck; there must be 2 at least$"):
        gain([0.1, 0.2], ["a", "a"], 0.025)


@given(st.integers(1, 400))
def test_all_looks_together_spend_no_more_than_the_budget(count: int) -> None:
    assert sum(looks.alpha(look) for look in range(1, count + 1)) < looks.BUDGET


def test_a_look_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^look 0 cannot be; the first is 1$"):
        looks.alpha(0)
