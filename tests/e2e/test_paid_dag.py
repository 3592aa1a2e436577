"""The ingest DAG on a paid model, its key in an Airflow connection: where the key is not, byte by byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.airflow import config, environment
from support.model_api import COHERE_MODEL, DIMENSION, KEY, model_api

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.xdist_group("airflow")]
CONFIG = config(
    embedder=f'backend = "cohere"\nmodel = "{COHERE_MODEL}"\ndimension = {DIMENSION}',
    more="[parser]\nworkers = 1",
)
SCRIPT = """
import json, sys
from pathlib import Path
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select
from penstock.orchestration import ingest_dag, opened
from penstock.runs import recent

home, dag, states = Path(sys.argv[1]), ingest_dag("main"), []
states.append(str(dag.test().state))
(home / "docs" / "new.md").write_text("# New\\n\\nThe server takes the key no more.\\n")
states.append(str(dag.test().state))
with create_session() as session:
    passed = [repr(value) for value in session.execute(select(XComModel.value)).scalars()]
with opened() as platform:
    reports = [one.to_dict() for one in recent(platform)]
(home / "found.json").write_text(json.dumps({"states": states, "xcom": passed, "reports": reports}))
"""


def test_the_key_of_a_connection_stays_there(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mill.md").write_text("# Mill\n\nThe miller grinds barley.\n")
    (tmp_path / "penstock.toml").write_text(CONFIG)
    (tmp_path / "script.py").write_text(SCRIPT)
    with model_api() as api:
        connection = json.dumps({"conn_type": "cohere", "password": KEY, "host": api.url})
        told = environment(tmp_path, AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG", AIRFLOW_CONN_COHERE_DEFAULT=connection)
        api.keys_left = 1  # the second request is refused, and the answer repeats the key
        said = ""
        for command in (["-m", "airflow", "db", "migrate"], [str(tmp_path / "script.py"), str(tmp_path)]):
            done = subprocess.run(
                [sys.executable, *command], env=told, capture_output=True, text=True, timeout=900, check=False
            )
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            said += done.stdout + done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["states"] == ["success", "failed"]
    assert len(found["xcom"]) > 3
    assert [one["state"] for one in found["reports"]] == ["failed", "published"]
    assert "refused the key (401: invalid api token: Bearer [key])" in found["reports"][0]["message"]
    assert found["reports"][1]["counts"]["tokens_billed"] == api.billed
    assert [asked.key for asked in api.asked] == [f"Bearer {KEY}"] * 2  # a wrong key is not tried again
    assert KEY not in said
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
