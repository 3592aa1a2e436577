"""The compose file against the code that it starts: neither can drift from the other."""

from __future__ import annotations

import re
import runpy
import uuid
from typing import Any

import psycopg
import pytest
import yaml

from penstock.settings import load
from penstock.steps import require_shared_stores
from support.deployment import ROOT, airflow_knows, variables_of_penstock
from support.postgres import Postgres

ROLES = ("penstock", "airflow", "mlflow")
SECRET = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:\?[^}]*)?\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = compose["services"]
    return found


def lasting(services: dict[str, Any]) -> dict[str, Any]:
    return {name: one for name, one in services.items() if one["restart"] != "no"}


def environments(services: dict[str, Any]) -> dict[str, str]:
    return {key: value for one in services.values() for key, value in one.get("environment", {}).items()}


def test_every_variable_of_penstock_is_one_that_the_code_reads(services: dict[str, Any]) -> None:
    named = {key for key in environments(services) if key.startswith("PENSTOCK_")}
    named |= set(re.findall(r"PENSTOCK_[A-Z_]+", (ROOT / "Dockerfile").read_text()))
    assert named
    assert named <= variables_of_penstock()


def test_every_setting_of_airflow_is_one_that_it_knows(services: dict[str, Any]) -> None:
    settings = {key for key in environments(services) if key.startswith("AIRFLOW__")}
    assert settings
    for name in settings:
        _, section, key = name.lower().split("__")
        assert airflow_knows(section, key), f"{name}: Airflow has no [{section}] {key}"


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


def test_the_service_asks_who_comes_and_has_the_stores_secrets_alone(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever breaks into the one that strangers reach finds no key of Airflow's there."""
    one, worker = services["serve"], services["worker"]["environment"]
    for key in ("PENSTOCK_CATALOG", "PENSTOCK_LAKE"):
        monkeypatch.setenv(key, one["environment"][key])
    settings = load(ROOT / one["environment"]["PENSTOCK_CONFIG"].removeprefix("/opt/penstock/"))
    assert not settings.service.anonymous
    assert one["ports"] == [f"127.0.0.1:{settings.service.port}:{settings.service.port}"]
    assert one["healthcheck"]["test"][-1] == f"http://localhost:{settings.service.port}/healthz"
    assert int(one["stop_grace_period"].removesuffix("s")) > settings.service.stop_s
    shared = {name: value for name, value in one["environment"].items() if not name.startswith("FORWARDED")}
    assert shared == {name: value for name, value in worker.items() if not name.startswith(("AIRFLOW", "OTEL"))}


def test_each_password_of_postgresql_opens_one_database(compose: dict[str, Any], postgres: Postgres) -> None:
    """The script that the container runs once, on a real server, under names that this server does not have."""
    mark = uuid.uuid4().hex[:8]
    script = re.sub(rf"\b({'|'.join(ROLES)}|postgres)\b", rf"\1_{mark}", compose["configs"]["databases"]["content"])
    script = f"CREATE DATABASE postgres_{mark};\n" + SECRET.sub("secret", script)
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        for statement in script.splitlines():
            connection.execute(statement.encode())
        for role in ROLES:
            opened = [
                one for one in (*ROLES, "postgres") if _may_connect(connection, f"{role}_{mark}", f"{one}_{mark}")
            ]
            assert opened == [role]


def _may_connect(connection: psycopg.Connection[Any], role: str, database: str) -> bool:
    row = connection.execute("select has_database_privilege(%s, %s, 'connect')", (role, database)).fetchone()
    return bool(row and row[0])
