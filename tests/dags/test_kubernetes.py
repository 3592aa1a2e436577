"""The Helm chart's values against the code that the pods run, and against the image that they run it in."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import penstock
from penstock.settings import Settings, StoreSettings
from penstock.steps import require_shared_stores
from support.deployment import ROOT, airflow_knows, variables_of_penstock


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "kubernetes" / "values.yaml").read_text())
    return found


def test_every_variable_of_penstock_is_one_that_the_code_reads(values: dict[str, Any]) -> None:
    names = {one["name"] for one in values["env"]} | {one["envName"] for one in values["secret"]}
    named = {name for name in names if name.startswith("PENSTOCK_")}
    assert named
    assert named <= variables_of_penstock()


def test_every_setting_of_airflow_is_one_that_it_knows(values: dict[str, Any]) -> None:
    unknown = [f"[{section}] {key}" for section, keys in values["config"].items() for key in keys
               if not airflow_knows(section, key)]  # fmt: skip
    assert unknown == []


def test_no_secret_stands_in_the_file_and_none_is_made_by_the_chart(values: dict[str, Any]) -> None:
    secret = re.compile(r"CATALOG|KEY|SECRET|PASSWORD|CONN")
    assert [one["name"] for one in values["env"] if secret.search(one["name"])] == []
    assert all(one["secretName"] and one["secretKey"] for one in values["secret"])
    assert {values[key] for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName")} == {"airflow"}
    assert values["data"] == {"metadataSecretName": "airflow"}
    assert values["createUserJob"] == {"enabled": False}


def test_versions_are_those_of_the_image(values: dict[str, Any]) -> None:
    base = re.search(r"FROM apache/airflow:([\d.]+)-python", (ROOT / "Dockerfile").read_text())
    assert base is not None
    assert values["airflowVersion"] == base[1]
    assert f"apache-airflow=={base[1]}" in (ROOT / "requirements.txt").read_text().splitlines()
    assert values["defaultAirflowTag"] == penstock.__version__


def test_every_pod_has_a_limit_of_memory_and_none_is_root(values: dict[str, Any]) -> None:
    for one in (values[name] for name in ("apiServer", "scheduler", "dagProcessor", "triggerer")):
        assert one["resources"]["limits"]["memory"]
    assert values["workers"]["kubernetes"]["resources"]["limits"]["memory"]
    assert values["securityContexts"]["pod"]["runAsNonRoot"]


def test_tasks_keep_everything_where_each_pod_sees_it(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CATALOG", "postgresql://penstock@postgres/penstock")
    for one in values["env"]:
        monkeypatch.setenv(one["name"], one["value"])
    settings = Settings(store=StoreSettings(index="weaviate"), file=ROOT / "penstock.toml", home=ROOT)
    require_shared_stores(settings, values["executor"])
    mounted = [one["mountPath"] for one in values["volumeMounts"] if one["name"] == "penstock"]
    (config,) = [one["value"] for one in values["env"] if one["name"] == "PENSTOCK_CONFIG"]
    assert mounted == [config.rpartition("/")[0]]
