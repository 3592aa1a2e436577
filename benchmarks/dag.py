"""The `ingest` DAG on the samples, under a real scheduler and LocalExecutor, beside `penstock sync`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.bench import Bench, Page, measured_s, row, say
from benchmarks.replay import REPOSITORY

INDEX = "handbook"
START_LIMIT_S, RUN_LIMIT_S = 300, 600
FOUND = "select state, queued_at, start_date, end_date from dag_run where dag_id = 'ingest_handbook'"
TASKS = "select task_id, count(*) from task_instance where state = 'success' group by task_id"


def part(bench: Bench) -> Page:
    alone, dags = [], []
    for nth in range(max(bench.runs, 1)):
        say(f"penstock sync {INDEX} …")
        command = [str(Path(sys.executable).parent / "penstock"), "sync", INDEX]
        alone.append(measured_s(command, environment(bench.work / f"sync-{nth}")))
        say("the DAG, under an Airflow of its own …")
        dags.append(run_dag(bench.work / f"airflow-{nth}"))
    last = dags[-1]
    more = median(one["seconds"] for one in dags) - median(alone)
    yield from ("", "## The ingest DAG", "")
    yield (
        "The handbook of the samples, from empty stores, with the default model. `penstock sync` is a process, start, "
        "imports and loading the model inside the time. The DAG runs under `scripts/airflow-standalone.sh` (scheduler, "
        "DAG processor, API server, LocalExecutor with 4 workers) and is switched on once that stands; its time is "
        "from being queued to its end, with every task's start, imports and loading, but not with the libraries that "
        "the scheduler imported when it started, once for all runs (`libraries.py`). The mark is 15 s more."
    )
    yield from ("", "| | runs, s | median, s |", "|---|---|---|")
    yield row("`penstock sync`", ", ".join(f"{one:.1f}" for one in alone), f"{median(alone):.1f}")
    seconds = [one["seconds"] for one in dags]
    yield row("the DAG", ", ".join(f"{one:.1f}" for one in seconds), f"{median(seconds):.1f}")
    yield from ("", f"**{more:.1f} s more.** Batches: {last['prepare']} of documents, {last['embed']} of texts.")


def environment(folder: Path) -> dict[str, str]:
    """That of a fresh installation in ``folder``: whatever is set for another is left out."""
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PENSTOCK_"))}
    config = str(REPOSITORY / "include" / "config" / "penstock.toml")
    return {**kept, "PENSTOCK_HOME": str(folder / "home"), "PENSTOCK_CONFIG": config}


def run_dag(folder: Path) -> dict[str, Any]:
    """Start an Airflow whose only DAG is `ingest`; once it stands, switch the DAG on, and wait for its run's end."""
    variables = environment(folder)
    (folder / "dags").mkdir()
    shutil.copy(REPOSITORY / "dags" / "ingest.py", folder / "dags")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables |= {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
    }
    with standalone(variables):
        switch_on(f"http://127.0.0.1:{port}")
        state, *times = awaited(folder / "airflow" / "airflow.db")
        queued, begun, ended = (datetime.fromisoformat(one) for one in times)
        if state != "success":
            raise RuntimeError(f"the DAG run ended as {state}")
        with closing(sqlite3.connect(folder / "airflow" / "airflow.db")) as database:
            tasks = dict(database.execute(TASKS))
    seconds = (ended - min(queued, begun)).total_seconds()
    return {"seconds": seconds, "prepare": tasks.get("prepare", 0), "embed": tasks.get("embed", 0)}


@contextmanager
def standalone(variables: dict[str, str]) -> Iterator[None]:
    script = REPOSITORY / "scripts" / "airflow-standalone.sh"
    process = subprocess.Popen(["bash", str(script)], env=variables, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)  # the script ends its whole group
        process.wait(60)


def switch_on(airflow: str) -> None:
    """As a person does in a running Airflow: its own start is no part of the run. The DAG then runs at once."""
    begun = time.monotonic()
    while True:
        try:
            token = called("POST", f"{airflow}/auth/token", {"username": "admin", "password": "admin"})["access_token"]
            called("PATCH", f"{airflow}/api/v2/dags/ingest_{INDEX}", {"is_paused": False}, token)
            return
        except OSError:  # not up yet, or the DAG's file was not read yet: that is a 404
            if time.monotonic() - begun > START_LIMIT_S:
                raise
            time.sleep(1)


def called(method: str, url: str, body: dict[str, Any], token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = Request(url, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - loopback
    with urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def awaited(database: Path) -> tuple[str, str, str, str]:
    """The DAG run's state and times, once it has ended."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < RUN_LIMIT_S:
        time.sleep(1)
        try:
            with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
                found: tuple[str, str, str, str] | None = reader.execute(FOUND).fetchone()
        except sqlite3.OperationalError:  # not made yet, or being migrated
            found = None
        if found and found[0] in ("success", "failed"):
            return found
    raise TimeoutError(
        f"no DAG run ended within {waited:.0f} s; its Airflow's log was {database.parent}/standalone.log"
    )
