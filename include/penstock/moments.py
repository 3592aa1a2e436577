"""Times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from penstock.errors import UsageError

FIRST_YEAR, LAST_YEAR = 1900, 2999


def parse_moment(written: str | None, now: datetime | None = None) -> datetime | None:
    """A date or time of ISO 8601, in UTC where it names no zone, or ``30d`` and ``12h`` ago. Raises ``UsageError``.

    >>> parse_moment("2026-05-01")
    datetime.datetime(2026, 5, 1, 0, 0, tzinfo=datetime.timezone.utc)
    """
    if written is None:
        return None
    if ago := re.fullmatch(r"(\d{1,5})([dh])", written.strip()):
        hours = int(ago[1]) * (24 if ago[2] == "d" else 1)
        return (now or datetime.now(UTC)) - timedelta(hours=hours)
    try:
        found = datetime.fromisoformat(written.strip())
    except ValueError:
        raise UsageError(
            f"{written!r} is no time; write 2026-05-01, 2026-05-01T12:00, or 30d for so many days ago"
        ) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:  # nearer the ends of the calendar there is no day before, or after
        raise UsageError(f"{written!r} is too far off; write a time from {FIRST_YEAR} to {LAST_YEAR}")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def parse_since(written: str | None) -> datetime | None:
    """The same, of what is asked about since then. Raises ``UsageError`` for a time to come: nothing was said since."""
    found = parse_moment(written)
    if found is not None and found > datetime.now(UTC):
        raise UsageError(
            f"--since {written} is in the future; write a time that has passed, or 30d for so many days ago"
        )
    return found
