"""The compose file against the code that it starts: neither can drift from the other."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from penstock.settings import load
from penstock.steps import require_shared_stores

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "penstock"
SECRET = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:\?[^}]*)?\}")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    return found


def lasting(services: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in services.items() if one["restart"] != "no"}


def environments(services: dict[str, Any]) -> dict[str, str]:
    return {key: value for one in services.values() for key, value in one.get("environment", {}).items()}


def test_every_variable_of_penstock_is_one_that_the_code_reads(services: dict[str, Any]) -> None:
    named = {key for key in environments(services) if key.startswith("PENSTOCK_")}
    named |= set(re.findall(r"PENSTOCK_[A-Z_]+", (ROOT / "Dockerfile").read_text()))
    read = {name for path in PACKAGE.rglob("*.py") for name in re.findall(r'"(PENSTOCK_[A-Z_]+)"', path.read_text())}
    assert named
    assert named <= read


def test_every_setting_of_airflow_is_one_that_it_knows(services: dict[str, Any]) -> None:
    from airflow.configuration import conf

    settings = {key for key in environments(services) if key.startswith("AIRFLOW__")}
    assert settings
    for name in settings:
        _, section, key = name.lower().split("__")
        known = {option.lower() for option in conf.configuration_description.get(section, {"options": {}})["options"]}
        assert key in known, f"{name}: Airflow has no [{section}] {key}"


def test_no_password_has_a_default_and_make_env_writes_them_all(services: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yaml").read_text()
    written = set(runpy.run_path(str(ROOT / "scripts" / "env.py"))["required"](text))
    assert {name for name, _ in SECRET.findall(text)} == written
    for key, value in environments(services).items():
        if re.search(r"(PASSWORD|SECRET|KEYS?|AUTH)$", key):
            assert SECRET.fullmatch(value), key


def test_what_runs_is_watched_limited_and_pinned(services: dict[str, Any]) -> None:
    for name, one in lasting(services).items():
        assert "healthcheck" in one, name
        assert "mem_limit" in one, name
        assert re.search(r":[a-z]?\d+\.\d+", one["image"]), f"{name}: {one['image']} is not pinned"
        assert one.get("user", "airflow") not in ("root", "0", "0:0"), name


def test_nothing_listens_beyond_this_machine(services: dict[str, Any]) -> None:
    ports = [port for one in services.values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_stack_keeps_everything_where_each_worker_sees_it(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = services["worker"]["environment"]
    for key in ("PENSTOCK_CATALOG", "PENSTOCK_LAKE"):
        monkeypatch.setenv(key, own[key])
    monkeypatch.delenv("PENSTOCK_HOME", raising=False)
    settings = load(ROOT / own["PENSTOCK_CONFIG"].removeprefix("/opt/penstock/"))
    require_shared_stores(settings, own["AIRFLOW__CORE__EXECUTOR"])
    assert settings.indexes
