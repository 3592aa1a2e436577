"""MLflow's registry follows the catalog, and nothing waits for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import requests
from structlog.typing import EventDict
from typer.testing import CliRunner

from penstock import decisions, display, maintenance
from penstock.cli import app, line
from penstock.erasure import erase
from penstock.errors import RefusedError
from penstock.promotion import listing, registry
from penstock.promotion.comparing import compare
from penstock.promotion.promoting import demote, promote
from support import tuned
from support.cluster import free_port, wait_for
from support.tuned import THINGS, WHO
from support.workspace import Workspace

Make = Callable[..., Workspace]


def promoted(w: Workspace, tmp_path: Path) -> str:
    base = tuned.model(tmp_path / "base", THINGS[:20])
    tuned.configure(w, base)
    tuned.fill(w)
    w.sync()
    better = tuned.keep_model(w.platform, tuned.model(tmp_path / "better", seed=1), base, tuned.freeze(w))
    assert compare(w.platform, "main", better).outcome == "promote"
    return better


def aliases(client: Any) -> dict[str, str]:
    (found,) = client.search_registered_models()
    assert found.name == "penstock-main-embedder"
    versions = {str(one.version): one.tags["penstock.model"] for one in client.search_model_versions()}
    return {alias: versions[str(version)] for alias, version in found.aliases.items()}


def test_the_registry_names_who_serves_and_verify_what_differs(workspace: Workspace, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    registry.write(w.platform, "main")
    client = mlflow.MlflowClient(registry_uri=w.settings.tracking_url, tracking_uri=w.settings.tracking_url)
    assert aliases(client) == {"challenger": better}
    promote(w.platform, "main", better, WHO, "it finds more")
    assert [one.what for one in maintenance.verify(w.platform, "main")] == [
        f"champion of penstock-main-embedder is none; the catalog has {better}",
        f"challenger of penstock-main-embedder is {better}; the catalog has none",
    ]
    registry.follow(w.platform, "main")
    assert aliases(client) == {"champion": better}
    assert maintenance.verify(w.platform, "main") == []
    demote(w.platform, "main", WHO, "the ratings fell")
    registry.write(w.platform, "main")
    registry.write(w.platform, "main")
    assert registry.differences(w.platform, "main") == []
    assert len(client.search_model_versions()) == 1


def test_a_rollback_past_a_promotion_takes_the_alias_along(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    promote(w.platform, "main", better, WHO, "it finds more")
    client = mlflow.MlflowClient(registry_uri=w.settings.tracking_url, tracking_uri=w.settings.tracking_url)
    monkeypatch.setattr(line, "opened", lambda: nullcontext(w.platform))
    for command, alias in ("rollback", "challenger"), ("resume", "champion"):
        said = CliRunner().invoke(app, [command, "main", "--why", "to see"])
        assert said.exit_code == 0, said.output
        assert aliases(client) == {alias: better}
    assert maintenance.verify(w.platform, "main") == []


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """A real one; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    kept = ["--backend-store-uri", f"sqlite:///{folder}/runs.db", "--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, *kept], stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for("MLflow's server", lambda: answers(f"http://127.0.0.1:{port}/health"), seconds=120)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


def test_a_server_of_mlflow_takes_the_models_of_a_lake_on_a_disk(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a path for one of its own and refuses it: the registry stayed empty, and `verify` red, for ever."""
    mlflow = pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    with mlflow_server(tmp_path) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        promote(w.platform, "main", better, WHO, "it finds more")
        registry.write(w.platform, "main")
        client = mlflow.MlflowClient(registry_uri=url, tracking_uri=url)
        assert aliases(client) == {"champion": better}
        (version,) = client.search_model_versions()
        assert version.source == f"penstock://{w.settings.lake_url}/models#{better}"
        assert maintenance.verify(w.platform, "main") == []


def test_a_model_that_learned_what_was_erased_is_named_everywhere(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Invariant 12, where people look: the list of models, the registry, and the gate."""
    mlflow = pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    registry.write(w.platform, "main")
    certificate = erase(w.platform, "docs", "thing1.md", WHO, "by order")
    assert certificate["models_trained_on_them"] == [better]
    number = decisions.history(w.platform.catalog)[0]["id"]
    (one,) = listing.models(w.platform, "main")["models"]
    assert (one["state"], one["tainted"]) == ("tainted", [number])
    client = mlflow.MlflowClient(registry_uri=w.settings.tracking_url, tracking_uri=w.settings.tracking_url)
    (version,) = client.search_model_versions()
    assert version.tags["penstock.tainted"] == str(number)
    assert aliases(client) == {}
    assert registry.differences(w.platform, "main") == []
    with pytest.raises(RefusedError, match="was trained on was erased since"):
        promote(w.platform, "main", better, WHO, "it finds more")

    compare(w.platform, "main", better, override=True)
    promote(w.platform, "main", better, WHO, "until the next one is there", override=True)
    found = listing.models(w.platform, "main")
    assert found["models"][0]["state"] == "champion"
    display.models(found)
    assert (
        f"something that it learned was erased since (decision {number}): it serves all the same; train another"
        in " ".join(capsys.readouterr().out.split())
    )


def test_a_model_that_comes_out_the_same_without_what_was_erased_is_no_longer_named(
    workspace: Workspace, tmp_path: Path
) -> None:
    """It was refused for ever with "train another without it": whoever did that got the same model again."""
    mlflow = pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    erase(w.platform, "docs", "thing1.md", WHO, "by order")
    registry.write(w.platform, "main")
    (left,) = [one["set"] for one in listing.models(w.platform, "main")["models"]]
    again = tuned.keep_model(w.platform, tmp_path / "better", tmp_path / "base", left)
    (one,) = listing.models(w.platform, "main")["models"]
    assert (again, one["state"], one["tainted"]) == (better, "compared: promote", [])
    assert [one.what for one in maintenance.verify(w.platform, "main")] == [
        f"{better} of penstock-main-embedder is still named as one that learned what was erased since",
        f"challenger of penstock-main-embedder is none; the catalog has {better}",
    ]
    registry.write(w.platform, "main")
    client = mlflow.MlflowClient(registry_uri=w.settings.tracking_url, tracking_uri=w.settings.tracking_url)
    (version,) = client.search_model_versions()
    assert "penstock.tainted" not in version.tags
    assert maintenance.verify(w.platform, "main") == []


def test_without_a_registry_a_promotion_stands(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: list[EventDict]
) -> None:
    pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    promote(w.platform, "main", better, WHO, "it finds more")
    registry.follow(w.platform, "main")
    (said,) = [one for one in log if one["event"] == "registry.behind"]
    assert said["error"].startswith("MLflow at http://127.0.0.1:9 does not do what it is asked (")
    assert said["remedy"] == "penstock models main --sync"
    assert w.found("what is thing3", k=1) == ["thing3.md"]


def test_a_registry_whose_database_cannot_be_read_is_behind_and_fails_nothing(
    workspace: Workspace, tmp_path: Path, log: list[EventDict]
) -> None:
    """SQLAlchemy's errors come through MLflow's client as they are: a promotion that stood ended with a traceback."""
    pytest.importorskip("mlflow")
    w = workspace
    better = promoted(w, tmp_path)
    promote(w.platform, "main", better, WHO, "it finds more")
    database = w.settings.home / "mlflow.db"
    database.mkdir()
    registry.follow(w.platform, "main")
    (behind,) = [one["error"] for one in log if one["event"] == "registry.behind"]
    assert behind == (
        f"MLflow at sqlite:///{database} does not do what it is asked ((sqlite3.OperationalError) unable to open "
        "database file); check store.tracking"
    )
    database.rmdir()
    database.write_bytes(b"no database " * 1000)
    (found,) = maintenance.verify(w.platform, "main")
    assert found.what == (
        f"the registry could not be asked: MLflow at sqlite:///{database} does not do what it is asked "
        "((sqlite3.DatabaseError) file is not a database); check store.tracking"
    )
