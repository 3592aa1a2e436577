"""Times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from penstock.errors import UsageError
from penstock.moments import parse_moment, parse_since

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (None, None),
        ("30d", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("36h", datetime(2026, 5, 30, tzinfo=UTC)),
        ("2026-05-01T12:00", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_moment(written: str | None, meant: datetime | None) -> None:
    assert parse_moment(written, NOW) == meant


def test_what_is_no_moment() -> None:
    message = "^'last week' is no time; write 2026-05-01, 2026-05-01T12:00, or 30d for so many days ago$"
    with pytest.raises(UsageError, match=message):
        parse_moment("last week")


@pytest.mark.parametrize("written", ["0001-01-01", "0001-01-01T00:00+05:00", "9999-12-31T23:59-05:00"])
def test_a_moment_at_an_end_of_the_calendar_is_refused(written: str) -> None:
    with pytest.raises(UsageError, match="too far off; write a time from 1900 to 2999"):
        parse_moment(written)


def test_nothing_was_said_since_a_time_to_come() -> None:
    assert parse_since("2026-05-01") == parse_moment("2026-05-01")
    assert parse_since(None) is None
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    with pytest.raises(UsageError, match=f"^--since {tomorrow} is in the future; write a time that has passed, or 30d"):
        parse_since(tomorrow)
