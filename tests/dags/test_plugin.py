"""The pages in Airflow: nobody without a login, everything that a person asks of an index, and no text of anybody's."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from penstock import release, reports
from penstock.decisions import Who
from penstock.errors import UnknownNameError
from penstock.parsing import ParserPool
from penstock.platform import Platform
from penstock.settings import ParserSettings
from penstock.sync import sync
from support.airflow import ROOT, config

CONFIG = config(
    source="max_age_s = 3600",
    more="""
[indexes.main.gates]
max_removed_share = 0.2
max_quarantined_share = 1.0
min_chunk_ratio = 0.1

[parser]
workers = 1
""",
)


@pytest.fixture(scope="module")
def plugin() -> ModuleType:
    spec = spec_from_file_location("penstock_plugin", ROOT / "plugins" / "penstock_plugin.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pools: dict[ParserSettings, ParserPool]
) -> Iterator[Platform]:
    """An installation with no run yet."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "penstock.toml").write_text(CONFIG)
    monkeypatch.setenv("PENSTOCK_CONFIG", str(tmp_path / "penstock.toml"))
    monkeypatch.setenv("PENSTOCK_HOME", str(tmp_path / "home"))
    opened = Platform(pools=pools)
    yield opened
    opened.close()


@pytest.fixture
def refused(platform: Platform, tmp_path: Path) -> Platform:
    """Release 1 live, release 2 refused; one document in quarantine, with a name that wants to be markup."""
    docs = tmp_path / "docs"
    for name in "abc":
        (docs / f"{name}.md").write_text(f"# Page {name}\n\nThe {name} page.\n")
    (docs / "<img src=x onerror=alert(1)>.pdf").write_text("no PDF")
    assert sync(platform, "main").state == "published"
    (docs / "a.md").unlink()
    (docs / "b.md").unlink()
    assert sync(platform, "main").state == "waiting"
    return platform


@pytest.fixture
def client(plugin: ModuleType) -> Iterator[TestClient]:
    """As Airflow mounts it, with a person logged in."""
    from airflow.api_fastapi.core_api.security import get_user

    plugin.app.dependency_overrides[get_user] = lambda: SimpleNamespace(name="ann")
    yield TestClient(plugin.app, root_path="/base/penstock", follow_redirects=False)
    plugin.app.dependency_overrides.clear()


@pytest.mark.usefixtures("platform")
def test_every_route_asks_airflow_who_it_is(plugin: ModuleType) -> None:
    paths = {route.path for route in plugin.app.routes}
    assert paths == {"/", "/runs/{run_id}", "/releases/{index}/{number}", "/of/{dag_id}/{dag_run_id:path}"}
    nobody = TestClient(plugin.app)
    for path in ("/", "/runs/1", "/releases/main/1", "/of/ingest_main/manual__1"):
        assert nobody.get(path).status_code == 401
        assert nobody.post(path).status_code == 405


@pytest.mark.usefixtures("platform")
def test_an_empty_installation_says_what_to_do(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert "nothing published yet" in page.text
    assert "Nothing has run yet." in page.text
    assert "never listed" in page.text or "stale" in page.text
    assert "Nobody has had to decide anything yet." in page.text


@pytest.mark.usefixtures("refused")
def test_the_page_shows_what_is_live_what_waits_and_what_is_in_quarantine(client: TestClient) -> None:
    text = client.get("/").text
    assert "Release 2 of main" in text
    assert "<b>removals</b>: observed 50%, allowed at most 20%" in text
    assert 'data-airflow href="/base/dags/approve_main/required_actions"' in text
    assert 'href="/base/penstock/releases/main/1"' in text
    assert "&lt;img src=x onerror=alert(1)&gt;.pdf" in text
    assert "<img" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_a_release_on_hold_is_shown_with_what_ends_the_hold(
    refused: Platform, client: TestClient, tmp_path: Path
) -> None:
    release.approve(refused, "main", 2, Who("ann"), "fine")
    release.rollback(refused, "main", Who("ann"), "look at it again")
    (tmp_path / "docs" / "d.md").write_text("# Page d\n\nThe d page.\n")
    assert sync(refused, "main").state == "held"
    text = client.get("/").text
    assert "penstock resume main" in text
    assert "on hold" in text
    assert "look at it again" in text


@pytest.mark.usefixtures("refused")
def test_a_run_has_a_report_with_its_gates_and_figures(client: TestClient) -> None:
    page = client.get("/runs/2")
    assert page.status_code == 200
    for part in ("Run 2 of main", "Release 2", "6 of 7 passed", "removals", "Time by stage", "Documents listed"):
        assert part in page.text
    assert client.get("/runs/99").status_code == 404
    assert "unknown run" in client.get("/runs/99").text
    assert client.get("/releases/main/9").status_code == 404
    assert client.get("/releases/nope/1").status_code == 404


def test_a_run_whose_release_was_decided_does_not_ask_any_more(refused: Platform, client: TestClient) -> None:
    assert "penstock approve main 2" in client.get("/").text
    release.reject(refused, "main", 2, Who("ann"), "a wrong delete")
    for page in ("/", "/runs/2", "/releases/main/2"):
        text = client.get(page).text
        assert "release 2 was refused by its gates, then rejected by ann: a wrong delete" in text
        assert "penstock approve" not in text


def test_a_report_stands_alone_and_names_who_decided(refused: Platform) -> None:
    release.approve(refused, "main", 2, Who("ann", "airflow"), "the pages moved <b>away</b>")
    html = reports.release_report_html(refused, "main", 2)
    assert "the pages moved &lt;b&gt;away&lt;/b&gt;" in html
    assert "src=" not in html
    assert "<link" not in html
    assert html.startswith("<!doctype html>")
    with pytest.raises(UnknownNameError):
        reports.run_report_html(refused, 77)


def test_the_question_holds_every_gates_figures(refused: Platform) -> None:
    asked = reports.question(refused, "main", 2)
    assert asked["subject"] == "Publish release 2 of main? Refused by: removals"
    assert "| removals | **refused** | 50% | at most 20% | documents that vanished from their source |" in asked["body"]
    assert "Against release 1: 2 removed.\n\n* Removed: `a.md`, `b.md`\n\n| gate |" in asked["body"]


def test_the_question_names_a_few_documents_and_none_of_them_is_markup(platform: Platform, tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    names = [f"{number:02}.md" for number in range(12)]
    for name in (*names, "kept.md"):
        (docs / name).write_text(f"# Page {name}\n\nThe page {name} says this.\n")
    assert sync(platform, "main").state == "published"
    for name in names:
        (docs / name).unlink()
    (docs / "`**a** [b](c).pdf").write_text("no PDF")
    assert sync(platform, "main").state == "waiting"
    body = reports.question(platform, "main", 2)["body"]
    assert f"* Removed: {', '.join(f'`{name}`' for name in names[:10])} and 2 more\n" in body
    assert "* Quarantined: `'**a** [b](c).pdf`\n" in body


@pytest.mark.usefixtures("refused")
def test_a_dag_run_leads_to_the_report_of_its_run(plugin: ModuleType, client: TestClient, platform: Platform) -> None:
    from penstock import steps

    name = "manual__2026-01-01T00:00:00+00:00"
    run = steps.start(platform, "main", f"ingest_main/{name}")["run"]
    key = SimpleNamespace(dag_id="ingest_main", task_id="publish", run_id=name)
    link = plugin.ReportLink().get_link(None, ti_key=key)
    assert link == "/plugin/penstock/penstock/of/ingest_main/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    found = client.get(link.removeprefix("/plugin/penstock/penstock"))
    assert (found.status_code, found.headers["location"]) == (307, f"/base/penstock/runs/{run}")
    assert client.get("/of/ingest_main/never").status_code == 404
    other = SimpleNamespace(dag_id="somebody_elses", task_id="publish", run_id=name)
    assert plugin.ReportLink().get_link(None, ti_key=other) == ""


def test_a_wrong_configuration_is_said_on_the_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PENSTOCK_CONFIG", "/nowhere/penstock.toml")
    page = client.get("/")
    assert page.status_code == 503
    assert "no configuration at /nowhere/penstock.toml" in page.text
