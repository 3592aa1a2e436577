"""How much a fuzz tries: a little with every test run, the same each time; much more, and new, in `make check-long`."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]


def short(examples: int) -> Any:
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=CHECKS)


def long(examples: int) -> Any:
    return settings(max_examples=examples, deadline=None, print_blob=True, suppress_health_check=CHECKS)
