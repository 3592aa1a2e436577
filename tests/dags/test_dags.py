"""What must hold of the DAGs however they are drawn."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = ("torch", "transformers", "unstructured", "lancedb", "pandas", "great_expectations", "openvino", "obstore")
CONFIG = """
[sources.docs]
type = "folder"
path = "docs"
when_silent = ["public"]
max_age_s = 60

[sources.more]
type = "folder"
path = "more"
when_silent = ["public"]

[indexes.one]
sources = ["docs", "more"]
schedule = "@hourly"

[indexes.one.retrain]
schedule = "0 3 * * 6"

[indexes.one.monitoring]
on_drift = "retrain"

[indexes.two]
sources = ["docs"]
schedule = "0 4 * * *"

[indexes.two.retrain]
schedule = "@never"
approval = "auto"
"""


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """DAG id → DAG, for a configuration with two indexes."""
    from airflow.sdk import DAG

    from penstock.orchestration import wiring

    config = tmp_path / "penstock.toml"
    config.write_text(CONFIG)
    monkeypatch.setenv("PENSTOCK_CONFIG", str(config))
    found: dict[str, DAG] = {}
    make = wiring.dag
    monkeypatch.setattr(wiring, "dag", lambda *a, **k: found.setdefault(a[0], make(*a, **k)))
    for file in FILES:
        spec = spec_from_file_location(f"dag_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        spec.loader.exec_module(module_from_spec(spec))
    return found


def upstream(dag: Any, task: str) -> set[str]:
    return {one.task_id for one in dag.get_task(task).get_flat_relatives(upstream=True)}


def test_every_index_has_its_dags(dags: dict[str, Any]) -> None:
    kinds = ("ingest", "reindex", "approve", "feedback", "retrain")
    expected = {f"{kind}_{index}" for kind in kinds for index in ("one", "two")}
    assert set(dags) == expected | {"maintain"}
    assert all(dag.doc_md.strip().startswith("# ") for dag in dags.values())


def test_schedules_and_params_come_from_the_configuration(dags: dict[str, Any]) -> None:
    assert dags["ingest_one"].schedule == "@hourly"
    assert dags["ingest_two"].schedule == "0 4 * * *"
    assert dags["maintain"].schedule == "@weekly"
    assert all(dags[f"{kind}_one"].schedule is None for kind in ("reindex", "approve"))
    assert dags["ingest_one"].params.get_param("source").schema["enum"] == [None, "docs", "more"]


@pytest.mark.parametrize("dag_id", ["ingest_one", "reindex_two"])
def test_only_what_was_checked_is_published(dags: dict[str, Any], dag_id: str) -> None:
    dag = dags[dag_id]
    assert {"start", "prepare", "collect", "embed", "stage", "check"} <= upstream(dag, "publish")
    assert upstream(dag, "end") == set(dag.task_ids) - {"end"}
    assert [one.task_id for one in dag.leaves] == ["end"], "the last task decides whether the run is green"
    assert dag.max_active_runs == 1
    # A skipped gate must skip publishing: any other rule would publish past it.
    assert dag.get_task("check").trigger_rule == dag.get_task("publish").trigger_rule == "all_success"
    assert dag.get_task("end").trigger_rule == "all_done"


def test_an_index_gets_its_event_from_the_two_tasks_that_make_a_release_live(dags: dict[str, Any]) -> None:
    emitting = {
        (dag.dag_id, task.task_id, asset.uri) for dag in dags.values() for task in dag.tasks for asset in task.outlets
    }
    releases = {one for one in emitting if one[2].count("/") == 3 and one[2].endswith("/")}
    assert releases == {
        (f"{dag}_{index}", task, f"penstock://{index}/")
        for index in ("one", "two")
        for dag, task in (("ingest", "publish"), ("reindex", "publish"), ("approve", "announce"))
    }


def test_what_starts_a_retraining_is_said_by_those_who_look_for_it(dags: dict[str, Any]) -> None:
    said = {(task.task_id, one.uri) for dag in dags.values() for task in dag.tasks for one in task.outlets}
    assert {one for one in said if one[1].endswith(("feedback", "drift"))} == {
        ("hear_feedback", "penstock://one/feedback"),
        ("hear_feedback", "penstock://two/feedback"),
        ("retrain_one", "penstock://one/drift"),
    }


def test_a_model_takes_over_only_after_the_gate_and_where_asked_for_after_a_person(dags: dict[str, Any]) -> None:
    dag = dags["retrain_one"]
    line = ["begin_retraining", "look", "assemble", "tune", "judge", "ask_about_model", "answer", "decide_on_model"]
    for before, after in pairwise(line):
        assert before in upstream(dag, after), f"{after} would not wait for {before}"
    assert [one.task_id for one in dag.leaves] == ["end_retraining"]
    assert dag.max_active_runs == 1
    # Each step is skipped where the one before found a reason to stop: any other rule would train, or promote, past it.
    assert {dag.get_task(one).trigger_rule for one in line[1:-1]} == {"all_success"}
    assert dag.get_task("decide_on_model").trigger_rule == "none_failed_min_one_success"
    # And it hangs on these two alone: beside a task that always succeeds it would run past a step that was skipped.
    assert dag.get_task("decide_on_model").upstream_task_ids == {"judge", "answer"}
    training = {"tune", "judge", "decide_on_model", "end_retraining"}
    assert {one.task_id for one in dag.tasks if one.queue == "training"} == training


def test_dates_feedback_and_drift_start_a_retraining(dags: dict[str, Any]) -> None:
    from airflow.sdk import AssetAny

    schedule = dags["retrain_one"].schedule
    assert [one.uri for one in schedule.asset_condition.objects] == ["penstock://one/feedback", "penstock://one/drift"]
    assert schedule.timetable.expression == "0 3 * * 6"
    assert isinstance(schedule.asset_condition, AssetAny), "either is enough"
    assert {one.uri for one in dags["retrain_two"].schedule.objects} == {
        "penstock://two/feedback",
        "penstock://two/drift",
    }
    assert dags["retrain_one"].params["approval"] == "person"
    assert dags["retrain_two"].params["approval"] == "auto"


def test_nothing_is_decided_before_a_person_answered(dags: dict[str, Any]) -> None:
    dag = dags["approve_one"]
    assert "answer" in upstream(dag, "decide")
    assert {"answer", "decide"} <= upstream(dag, "announce")
    assert not dag.is_paused_upon_creation, "a paused approval would ask nobody"


def test_permanent_errors_are_not_retried(dags: dict[str, Any]) -> None:
    from airflow.sdk import RetryAction

    from penstock.errors import ConfigError, LeaseHeldError, TransientListingError

    task = dags["ingest_one"].get_task("start")
    assert task.retries > 0
    assert task.retry_exponential_backoff

    def action(error: Exception) -> Any:
        return task.retry_policy.evaluate(error, 1, task.retries).action

    assert action(ConfigError("wrong")) is RetryAction.FAIL
    assert action(LeaseHeldError("held")) is action(TransientListingError("gone")) is RetryAction.DEFAULT
    assert action(ConnectionError("reset")) is RetryAction.DEFAULT


def test_airflow_itself_reads_the_folder_quickly_and_imports_nothing_heavy() -> None:
    """In a process of its own: what a DAG processor does, and what it has loaded afterwards."""
    code = f"""
import json, sys, time
import airflow.models, airflow.sdk
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.standard.operators import hitl, trigger_dagrun
began = time.process_time()
bag = DagBag({str(ROOT / "dags")!r}, collect_dags=False)
for file in {[str(one) for one in FILES]!r}:
    bag.process_file(file)
print(json.dumps([time.process_time() - began, bag.import_errors, sorted(bag.dags),
                  [one for one in {HEAVY!r} if one in sys.modules]]))
"""
    config = ROOT / "include" / "config" / "penstock.toml"
    environment = {**os.environ, "PENSTOCK_CONFIG": str(config), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    seconds, errors, found, heavy = json.loads(done.stdout.splitlines()[-1])
    assert errors == {}
    assert {"ingest_handbook", "reindex_handbook", "approve_handbook", "maintain"} <= set(found)
    assert heavy == []
    assert seconds < 1.0


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dag_file_is_wiring(file: Path) -> None:
    text = file.read_text()
    assert len(text.splitlines()) < 60
    assert {name.split(".")[0] for name in imports(file)} == {"penstock"}
    assert "airflow" in text.lower(), "Airflow looks only into files that name it"


def test_one_package_imports_airflow() -> None:
    package = ROOT / "include" / "penstock"
    found = {
        file.relative_to(package).parts[0]
        for file in package.rglob("*.py")
        if any(name.split(".")[0] == "airflow" for name in imports(file))
    }
    assert found == {"orchestration"}


def imports(file: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names
