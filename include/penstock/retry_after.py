"""How long a busy server asks to be left alone."""

from __future__ import annotations

import random
from collections.abc import Mapping

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds, from a ``Retry-After`` of seconds or of a date (RFC 9110, 10.2.3); None where it says neither.

    A moment that is past is 0, and nothing is more than six hours. Names of ``headers`` are in lower case, or of any.

    >>> retry_after_s({"retry-after": "20"}), retry_after_s({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})
    (20, 0)
    """
    try:
        return Retry().parse_retry_after(headers.get("retry-after", ""))
    except (InvalidHeader, ValueError):  # ValueError: a year that no calendar has, a number of thousands of digits
        return None


def spread_s(asked: float) -> float:
    """Seconds to wait where a server asks for ``asked``: workers that were told the same must not come back at the same
    moment, and none before it.
    """
    return asked + random.random() * (1 + asked / 10)  # noqa: S311 - no secret
