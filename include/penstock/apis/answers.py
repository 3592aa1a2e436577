"""Numbers in the answers of APIs: JSON as Python reads it holds NaN, infinities, and integers that no float holds."""

from __future__ import annotations

import math
from typing import Any


def finite(value: Any) -> float | None:
    """Return a number as a float; None for anything else.

    >>> finite(3), finite("3"), finite(True), finite(float("nan")), finite(10**400)
    (3.0, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def billed(value: Any) -> int | None:
    """Return what an answer says was billed; None for what is no such figure, a negative one among them.

    Vectors that came are paid for and kept, whatever stands beside them: without a figure a request counts at its most.

    >>> billed(7), billed(7.0), billed(-7), billed(None)
    (7, 7, None, None)
    """
    number = finite(value)
    return None if number is None or number < 0 else int(number)
