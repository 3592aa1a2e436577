"""How sure a gate must be at the nth look at one set of examples, so that many looks are no more luck than one.

Each look spends a part of what luck may get: 1/n^s of the first one's, s such that all looks that there can ever be,
together, spend the budget (a Bonferroni spending function; Dmitrienko et al., "Multiple Testing Problems in
Pharmaceutical Statistics", 2009, 2.6). Looks need no plan of how many there will be, and an early one costs most.
"""

from __future__ import annotations

from functools import cache

FIRST, BUDGET = 0.025, 0.05
"""One-sided: of a single look, and of all that a set of examples will ever see."""


def alpha(look: int) -> float:
    """What the look of this number, from 1, may spend. Raises ``ValueError`` for one that cannot be.

    >>> [f"{alpha(look):.5f}" for look in (1, 2, 20)]
    ['0.02500', '0.00754', '0.00014']
    """
    if look < 1:
        raise ValueError(f"look {look} cannot be; the first is 1")
    return float(FIRST / look ** _exponent())


@cache
def _exponent() -> float:
    """Where the sum over all n of 1/n^s is what the budget is to the first look."""
    from scipy.optimize import brentq
    from scipy.special import zeta

    return float(brentq(lambda s: zeta(s) - BUDGET / FIRST, 1.01, 10))
