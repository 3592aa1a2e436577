"""What every task needs: the stores, the secrets that Airflow keeps, and the name of its DAG run."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog
from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException

from penstock.settings import load

if TYPE_CHECKING:
    from penstock.platform import Platform


@contextmanager
def opened() -> Iterator[Platform]:
    """The stores. Raises ``ConfigError`` where tasks run on several machines and a store is one machine's own."""
    from penstock import steps
    from penstock.platform import Platform

    settings = load()
    steps.require_shared_stores(settings, conf.get("core", "executor"))
    platform = Platform(settings, connections=airflow_connection)
    try:
        yield platform
    finally:
        platform.close()


def airflow_connection(name: str) -> dict[str, Any] | None:
    """A connection of Airflow's as the dict that sources take; ``None`` where there is none of that name."""
    _keep_secrets_from_the_log_of_dag_test()
    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    parts = ("conn_type", "host", "login", "password", "schema", "port")
    return {part: getattr(found, part) for part in parts} | {"extra": dict(found.extra_dejson)}


def _keep_secrets_from_the_log_of_dag_test() -> None:
    """A worker's supervisor omits the secrets that it is told to mask; that of ``dag.test()`` writes them at DEBUG."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.supervisor import InProcessSupervisorComms

    comms = getattr(task_runner, "SUPERVISOR_COMMS", None)
    if isinstance(comms, InProcessSupervisorComms):
        quiet = structlog.make_filtering_bound_logger(logging.INFO)
        comms.log = structlog.wrap_logger(structlog.PrintLogger(), wrapper_class=quiet)


def external_name(context: Any) -> str:
    """What the catalog calls a DAG run."""
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"
