"""MLflow's client, and all that it raises where its store does not answer: nobody here waits for minutes for that."""

from __future__ import annotations

import logging
import os
import re
from typing import Any

from penstock.errors import shortened

REASON = re.compile(r"Max retries exceeded.*\[Errno -?\d+\] ([\w ]+)", re.DOTALL)
"""What the network said, at the end of how often urllib3 asked and for what."""
OPENINGS = 3
"""So often MLflow tries to open a database; by itself ten times, which takes 100 s."""


def client(url: str, tries: int, timeout_s: int) -> Any:
    """A client of the tracking store at ``url``, its registry in the same place, which reports nobody's use.

    Of a server it would print, on stdout, where a run that ended can be seen, with the password of its address.

    ``tries`` and ``timeout_s`` are of a request to a server; what the environment says of them holds. Raises
    ``ImportError`` where MLflow is not installed, and one of ``failures()``.
    """
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", str(tries))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(timeout_s))
    _unreported()
    from mlflow import MlflowClient
    from mlflow.store.db import utils

    logging.getLogger("mlflow").setLevel(logging.CRITICAL)  # how it makes its tables; tracebacks of what it raises too
    utils.MAX_RETRY_COUNT = OPENINGS
    return MlflowClient(tracking_uri=url, registry_uri=url)


def failures() -> tuple[type[Exception], ...]:
    """MLflow's own errors, and those of what its store stands on: it lets them through."""
    _unreported()
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, RequestException, SQLAlchemyError, OSError


def told(url: str, error: Exception) -> str:
    """What such an error says, in one line and without the password that the address may hold.

    >>> told("http://ann:secret@host", OSError("http://ann:secret@host/api failed"))
    'http://host/api failed'
    >>> told("sqlite:///a.db", OSError("(raised as a result of Query-invoked autoflush)\\n(sqlite3) disk is full"))
    '(sqlite3) disk is full'
    >>> told("http://host", OSError("Max retries exceeded with url: / (... [Errno 111] Connection refused'))"))
    'Connection refused'
    """
    if reason := REASON.search(str(error)):
        return reason[1]
    lines = [line for line in str(error).splitlines() if not line.startswith("(raised as a result of")]
    said = lines[0] if lines else type(error).__name__
    person, at, _host = url.partition("://")[2].rpartition("@")
    return shortened(said.replace(person + at, "") if at else said)


def named(url: str) -> str:
    """The address without it."""
    return url.rpartition("@")[2]


def _unreported() -> None:
    """MLflow reads it when it is imported."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
