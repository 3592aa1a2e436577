"""When a DAG runs, as the configuration says it."""

from __future__ import annotations

from typing import Annotated

from croniter import croniter
from pydantic import AfterValidator

TIMES = ("@hourly", "@daily", "@weekly", "@monthly")
WORDS = (*TIMES, "@once", "@continuous")
NEVER = "@never"
"""Ours: TOML has no word for nothing."""


def checked(value: str | None, words: tuple[str, ...] = WORDS) -> str | None:
    """A cron expression of five fields, or one of Airflow's words for one; None for ``@never``.

    >>> checked("30 2 * * 1-5"), checked("@never")
    ('30 2 * * 1-5', None)
    """
    if value in (None, NEVER) or value in words:
        return None if value == NEVER else value
    if len(value.split()) != 5 or not croniter.is_valid(value):
        raise ValueError(f"{value!r} is no schedule: write five cron fields, or one of {', '.join((*words, NEVER))}")
    return value


Schedule = Annotated[str | None, AfterValidator(checked)]
Dates = Annotated[str | None, AfterValidator(lambda value: checked(value, TIMES))]
"""A schedule that names points in time, so that something else may start a run between two of them."""
