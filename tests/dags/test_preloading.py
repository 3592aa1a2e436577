"""What a scheduler imports before it forks its workers, and that a line works in a process forked after that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.airflow import ROOT, config, environment

SCRIPT = """
import json, os, sys, threading
from airflow.jobs.job import Job

Job()  # what every component makes first, and what Airflow calls its listeners from
found = {
    "modules": [name for name in sys.modules if name.split(".")[0] in ("great_expectations", "lancedb", "penstock")],
    "threads": [thread.name for thread in threading.enumerate()],
}
if "great_expectations" in found["modules"]:
    child = os.fork()
    if child == 0:
        from penstock.platform import Platform
        from penstock.sync import sync

        state = "failed"
        try:
            state = sync(Platform(), "main").state
        finally:
            os._exit(0 if state == "published" else 1)
    found["child"] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps(found))
"""


def component(name: str, home: Path) -> dict[str, Any]:
    """What an Airflow process called ``name`` has imported when it starts, and how a line ended in its fork."""
    (home / "docs").mkdir()
    (home / "docs" / "mill.md").write_text("# Mill\n\nThe miller grinds barley in the old mill.\n")
    (home / "penstock.toml").write_text(config())
    told = environment(home, AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"))
    command = [sys.executable, "-c", SCRIPT, name]
    done = subprocess.run(command, env=told, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_scheduler_imports_the_libraries_and_a_line_runs_in_its_fork(tmp_path: Path) -> None:
    found = component("scheduler", tmp_path)
    assert "great_expectations" in found["modules"]
    assert found["child"] == 0
    assert found["threads"] == ["MainThread"], "a fork would find it dead"
    own = {name for name in found["modules"] if name.startswith("penstock.")}
    # Airflow itself looks into what a package's entry point names.
    expected = {"penstock.libraries", "penstock.errors", "penstock.lineage"}
    assert own <= expected, "a changed module would wait for the scheduler's restart"
    assert "lancedb" not in found["modules"], "its event loop does not survive a fork"


def test_no_other_component_does(tmp_path: Path) -> None:
    assert "great_expectations" not in component("triggerer", tmp_path)["modules"]
