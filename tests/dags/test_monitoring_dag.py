"""Alarms end the upkeep red, and a drift is an event only where the configuration asks for a new model then."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIG = """
[sources.docs]
type = "folder"
path = "docs"
when_silent = ["public"]

[indexes.one]
sources = ["docs"]
monitoring = { on_drift = "retrain" }

[indexes.two]
sources = ["docs"]
"""
ALARM = "one: the mean rating fell; look with `penstock triage one --since 2026-05-08`"
WATCHED = [{"index": "one", "alarms": [ALARM], "retrain": True}, {"index": "two", "alarms": [], "retrain": False}]


def test_a_drift_is_an_event_of_the_indexes_that_ask_for_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from penstock.orchestration import upkeep

    (tmp_path / "penstock.toml").write_text(CONFIG)
    monkeypatch.setenv("PENSTOCK_CONFIG", str(tmp_path / "penstock.toml"))
    dag = upkeep.maintain_dag()
    outlets = {task.task_id: [asset.uri for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert outlets == {"retrain_one": ["penstock://one/drift"]}
    assert dag.get_task("alarms").upstream_task_ids == dag.get_task("retrain_one").upstream_task_ids == {"monitor"}


def test_alarms_end_red_with_what_to_do() -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from penstock.orchestration import upkeep

    with pytest.raises(AirflowFailException) as error:
        upkeep.alarms.function(WATCHED)
    assert str(error.value) == ALARM
    assert upkeep.alarms.function(WATCHED[1:]) is None


def test_without_a_drift_there_is_no_event() -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from penstock.orchestration import upkeep

    assert upkeep.retrain.function("one", WATCHED) is None
    with pytest.raises(AirflowSkipException) as error:
        upkeep.retrain.function("two", WATCHED)
    assert str(error.value) == "nothing drifted in two that a new model is asked for"
