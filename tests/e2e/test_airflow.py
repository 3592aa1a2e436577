"""The ingest DAG as Airflow runs it: every task in its own process state, XCom, skips, mapping, assets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.airflow import config, environment

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("airflow")]
CONFIG = config(
    index='schedule = "@daily"',
    more="""
[indexes.main.gates]
max_removed_share = 0.2
min_chunk_ratio = 0.1

[parser]
workers = 1

[store]
batch_mb = 0.00005
""",
)
SCRIPT = """
import json, shutil, sys
from pathlib import Path
from sqlalchemy import select
from airflow.models.asset import AssetEvent
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from penstock.orchestration import approval_dag, ingest_dag, opened
from penstock.runs import recent

home, docs = Path(sys.argv[1]), Path(sys.argv[2])
dag, found = ingest_dag("main"), []


def run():
    done = dag.test()
    with create_session() as session:
        tasks = session.execute(select(TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state).where(
            TaskInstance.dag_id == dag.dag_id, TaskInstance.run_id == done.run_id)).all()
        events = session.execute(select(AssetEvent.extra).order_by(AssetEvent.id)).scalars().all()
        asked = session.execute(select(DagRun.conf).where(DagRun.dag_id == "approve_main")).scalars().all()
    with opened() as platform:
        report = recent(platform, limit=1)[0].to_dict()
    states = {}
    for name, _index, state in tasks:
        states.setdefault(name, []).append(str(state))
    found.append({"state": str(done.state), "tasks": states, "events": list(events), "asked": list(asked),
                  "report": report})


run()
run()
for name in ("b.md", "c.md"):
    (docs / name).unlink()
run()
shutil.rmtree(docs)
run()
(home / "found.json").write_text(json.dumps(found, default=str))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def found(home: Path) -> list[dict[str, Any]]:
    """What four runs left: the first, an unchanged one, one that lost two of four documents, one without its folder."""
    docs = home / "docs"
    docs.mkdir()
    for name in "abcd":
        (docs / f"{name}.md").write_text(f"# Page {name}\n\nThe {name} page says what only page {name} says.\n")
    (home / "penstock.toml").write_text(CONFIG)
    (home / "script.py").write_text(SCRIPT)
    lineage = json.dumps({"type": "file", "log_file_path": str(home / "lineage.jsonl"), "append": True})
    told = environment(
        home,
        AIRFLOW__OPENLINEAGE__TRANSPORT=lineage,
        AIRFLOW__OPENLINEAGE__DISABLE_SOURCE_CODE="True",
        AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD="True",
    )
    airflow = [sys.executable, "-m", "airflow"]
    for command in (
        [*airflow, "db", "migrate"],
        [*airflow, "dags", "reserialize"],
        [sys.executable, str(home / "script.py"), str(home), str(docs)],
    ):
        done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result: list[dict[str, Any]] = json.loads((home / "found.json").read_text())
    return result


def test_the_first_run_publishes_and_says_so_to_whoever_waits_for_the_asset(found: list[dict[str, Any]]) -> None:
    first = found[0]
    assert first["state"] == "success"
    assert first["tasks"]["prepare"] == ["success"] * len(first["tasks"]["prepare"])
    assert len(first["tasks"]["prepare"]) > 1
    assert first["tasks"]["publish"] == ["success"]
    assert first["tasks"]["ask"] == ["skipped"]
    assert first["events"] == [{"release": 1, "run": 1}]
    assert first["report"]["counts"]["embedded"] == 4


def test_a_run_that_finds_nothing_is_green_and_says_nothing(found: list[dict[str, Any]]) -> None:
    second = found[1]
    assert second["state"] == "success"
    assert {name for name, states in second["tasks"].items() if states == ["success"]} == {"start", "collect", "end"}
    assert second["report"]["state"] == "unchanged"
    assert second["events"] == found[0]["events"]


def test_a_refused_release_asks_a_person_and_nobody_else(found: list[dict[str, Any]]) -> None:
    third = found[2]
    assert third["state"] == "success"
    assert (third["tasks"]["publish"], third["tasks"]["ask"]) == (["skipped"], ["success"])
    assert (third["report"]["state"], third["report"]["release"]) == ("waiting", 2)
    assert [asked["release"] for asked in third["asked"]] == [2]  # beside what OpenLineage adds of who asked
    assert third["events"] == found[0]["events"]


def test_a_run_without_a_listing_is_red_and_names_the_folder(found: list[dict[str, Any]]) -> None:
    last = found[3]
    assert last["state"] == "failed"
    assert (last["tasks"]["start"], last["tasks"]["end"]) == (["failed"], ["failed"])
    assert last["report"]["state"] == "failed"
    assert "docs" in last["report"]["message"]


@pytest.fixture(scope="module")
def lineage(home: Path, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The OpenLineage events of the four runs."""
    return [json.loads(line) for line in (home / "lineage.jsonl").read_text().splitlines()]


def test_lineage_names_the_release_that_went_live_and_no_other(lineage: list[dict[str, Any]]) -> None:
    told = {(one["job"]["name"], one["eventType"]) for one in lineage}
    assert {("ingest_main.publish", "COMPLETE"), ("ingest_main", "COMPLETE"), ("ingest_main", "FAIL")} <= told
    (published,) = [one for one in lineage if one["outputs"]]
    assert (published["job"]["name"], published["eventType"]) == ("ingest_main.publish", "COMPLETE")
    (index,) = published["outputs"]
    assert (index["namespace"], index["name"], index["facets"]["version"]["datasetVersion"]) == (
        "penstock",
        "main",
        "1",
    )
