"""What every DAG has: when it began, how often a task is tried, and which indexes there are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, ExceptionRetryPolicy, RetryAction, RetryRule

from penstock.errors import PenstockError, TransientError
from penstock.settings import load

RETRIES: dict[str, Any] = {
    "retries": 4,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "retry_policy": ExceptionRetryPolicy(
        [
            RetryRule(TransientError, RetryAction.DEFAULT, reason="transient: another try may mend it"),
            RetryRule(PenstockError, RetryAction.FAIL, reason="permanent: another try would end the same"),
        ]
    ),
}

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)


def index_names() -> list[str]:
    return list(load().indexes)


def dag(dag_id: str, schedule: str | None, **options: Any) -> DAG:
    return DAG(dag_id, schedule=schedule, start_date=BEGINNING, catchup=False, default_args=RETRIES, **options)
