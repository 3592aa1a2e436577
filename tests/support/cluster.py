"""Airflow as a team runs it, without containers: PostgreSQL, Redis, an S3 server, and Celery workers.

Each worker is a process of its own with a home folder of its own; all that they share is catalog, bucket and index.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from support.bucket import s3_server
from support.postgres import Postgres, start_postgres

ROOT = Path(__file__).parents[2]
START_S = 240.0
"""Airflow's components import for a minute each where five of them share two cores."""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(what: str, come: Callable[[], bool], seconds: float = START_S) -> None:
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for: {what}"
        time.sleep(0.5)


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Yields its URL. Skips the test where Redis is not installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("no Redis: install redis-server")
    port, password = free_port(), secrets.token_hex(8)
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        password,
        "--dir",
        str(folder),
        "--save",
        "",
    ]
    process = subprocess.Popen([binary, *options], stdout=subprocess.DEVNULL)
    try:
        yield f"redis://:{password}@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def s3_address() -> Iterator[dict[str, str]]:
    """The variables by which boto3, the lake and LanceDB find a server: PENSTOCK_TEST_S3_URL's, or moto's."""
    named = os.environ.get("PENSTOCK_TEST_S3_URL")
    if named:
        keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        assert keys <= set(os.environ), f"PENSTOCK_TEST_S3_URL needs {' and '.join(sorted(keys))} beside it"
        yield {"AWS_ENDPOINT_URL": named, **{key: os.environ[key] for key in keys}}
        return
    with s3_server() as url:
        yield {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Cluster:
    """Started components of one Airflow; ``environment`` is what all of them and the test itself go by."""

    def __init__(self, folder: Path, database: str, catalog: str, broker: str, s3: dict[str, str]) -> None:
        self.folder, self._database = folder, database
        port = free_port()
        airflow_database = database.replace("postgresql://", "postgresql+psycopg2://")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "PENSTOCK_", "AWS_"))},
            **s3,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PENSTOCK_CATALOG": catalog,
            "PYTHONPATH": str(ROOT / "include"),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": airflow_database,
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{airflow_database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            # A worker that is gone is noticed after seconds instead of minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # So is a task that it had taken and not begun.
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
        }
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._url = f"http://127.0.0.1:{port}/api/v2/version"

    def run(self, *words: str) -> None:
        """One Airflow command, to its end."""
        done = subprocess.run(
            self._airflow(*words), env=self._home("commands"), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"airflow {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    def start(self, name: str, *words: str) -> None:
        """Start a component, with the home folder and the log of that name."""
        log = (self.folder / f"{name}.log").open("wb")
        self._running[name] = subprocess.Popen(
            self._airflow(*words), env=self._home(name), stdout=log, stderr=log, start_new_session=True
        )

    def start_worker(self, name: str) -> None:
        self.start(name, "celery", "worker", "--queues", "default", "--celery-hostname", f"{name}@test")

    def kill(self, name: str) -> None:
        """SIGKILL for the component and whatever it has started, as when its machine is switched off."""
        parent = psutil.Process(self._running.pop(name).pid)
        for process in [parent, *parent.children(recursive=True)]:
            process.kill()

    def children(self, name: str) -> list[list[str]]:
        """Command lines of what the component has started."""
        found = psutil.Process(self._running[name].pid).children(recursive=True)
        return [process.cmdline() for process in found if process.is_running()]

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """Rows from Airflow's own database."""
        with psycopg.connect(self._database) as connection:
            return connection.execute(sql.encode()).fetchall()

    def stop(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for name in list(self._running):
            try:
                self._running[name].wait(20)
            except subprocess.TimeoutExpired:
                self.kill(name)

    def _airflow(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *words]

    def _home(self, name: str) -> dict[str, str]:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        return {
            **self.environment,
            "AIRFLOW_HOME": str(home / "airflow"),
            "PENSTOCK_HOME": str(home / "penstock"),
            "PENSTOCK_CONFIG": str(self.folder / "penstock.toml"),
        }


@contextmanager
def start_cluster(folder: Path) -> Iterator[Cluster]:
    """Everything but the workers, with an empty catalog. Skips where PostgreSQL or Redis is not installed."""
    with ExitStack() as stack:
        postgres: Postgres = stack.enter_context(start_postgres())
        broker = stack.enter_context(redis_server(folder))
        s3 = stack.enter_context(s3_address())
        cluster = Cluster(folder, postgres.new_database(), postgres.new_database(), broker, s3)
        stack.callback(cluster.stop)
        yield cluster
