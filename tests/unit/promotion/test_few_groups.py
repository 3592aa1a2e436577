"""So few groups that not even the largest gain could be told from luck."""

from __future__ import annotations

import pytest

from penstock.promotion import looks
from penstock.promotion.comparing import _too_few_groups
from penstock.promotion.gains import fewest_groups, gain


@pytest.mark.parametrize("look", [1, 2, 5, 20])
def test_one_group_less_than_the_fewest_is_never_sure_and_the_fewest_can_be(look: int) -> None:
    alpha = looks.alpha(look)
    least = fewest_groups(alpha)
    p = {groups: gain([1.0] * 60, [str(n % groups) for n in range(60)], alpha).p for groups in (least - 1, least)}
    assert p[least - 1] > alpha >= p[least]


def test_the_reason_names_what_there_is_and_what_it_takes() -> None:
    said = _too_few_groups([str(n % 5) for n in range(600)], 1)
    assert said is not None
    assert said.startswith("the test examples are of 5 groups, and look 1 takes 6: no gain, however large, could be")
    assert _too_few_groups([str(n % 6) for n in range(600)], 1) is None
    assert _too_few_groups([str(n % 6) for n in range(600)], 2) is not None
