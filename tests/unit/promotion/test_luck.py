"""10: luck does not promote, at one look or at twenty, and a gain that is there is seen."""

from __future__ import annotations

import pytest

from penstock.promotion import simulating


def test_of_challengers_that_are_no_better_hardly_one_gets_through() -> None:
    assert simulating.false_promotions(60, comparisons=60) <= 0.1


@pytest.mark.long
def test_a_thousand_comparisons_and_a_thousand_sequences() -> None:
    """With three standard errors of such a simulation above what may be: 0.015 and 0.021."""
    assert simulating.false_promotions(300) <= 0.025 + 0.015
    assert simulating.false_sequences(300) <= 0.05 + 0.021


@pytest.mark.long
def test_a_gain_of_three_points_is_seen_the_more_questions_there_are() -> None:
    few, some, many = (simulating.power(n, 0.03) for n in (300, 1_000, 3_000))
    assert few < some < many
    assert many > 0.9
