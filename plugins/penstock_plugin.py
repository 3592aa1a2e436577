"""Penstock's room in the Airflow UI: one page in the navigation, a report of each run, and a link from tasks to it.

Registration and views. What they show comes from ``penstock.views`` and ``penstock.reports``. Every route asks Airflow
who the user is; all of them only read. And a word to a scheduler that starts: what to import before it forks.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk import Asset, BaseOperatorLink
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from penstock.errors import PenstockError, UnknownNameError
from penstock.libraries import preload

PREFIX = "/penstock"
TEMPLATES = str(Path(__file__).parent / "templates")

# No route is added but through this dependency: Airflow authenticates nothing of a plugin on its own.
app = FastAPI(title="Penstock", dependencies=[Depends(get_user)], docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/")
def home(request: Request) -> HTMLResponse:
    from penstock import views
    from penstock.orchestration import opened

    with opened() as platform:
        return _page(request, "home.html", **views.home(platform))


@app.get("/runs/{run_id}")
def run_report(request: Request, run_id: int) -> HTMLResponse:
    from penstock import reports
    from penstock.orchestration import opened

    with opened() as platform:
        return _html(reports.run_report_html(platform, run_id, home=f"{_here(request)}/"))


@app.get("/releases/{index}/{number}")
def release_report(request: Request, index: str, number: int) -> HTMLResponse:
    from penstock import reports
    from penstock.orchestration import opened

    with opened() as platform:
        return _html(reports.release_report_html(platform, index, number, home=f"{_here(request)}/"))


@app.get("/of/{dag_id}/{dag_run_id:path}")
def report_of_dag_run(request: Request, dag_id: str, dag_run_id: str) -> Response:
    from penstock import views
    from penstock.orchestration import opened

    with opened() as platform:
        found = views.newest_run(platform, f"{dag_id}/{dag_run_id}")
    if found is None:
        return _page(request, "problem.html", 404, message=f"{dag_id}/{dag_run_id} has not begun a run of Penstock's.")
    return RedirectResponse(f"{_here(request)}/runs/{found}")


@app.exception_handler(PenstockError)
def problem(request: Request, error: PenstockError) -> HTMLResponse:
    return _page(request, "problem.html", 404 if isinstance(error, UnknownNameError) else 503, message=str(error))


def _page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    from penstock.reports import environment

    here = _here(request)
    values |= {"here": here, "airflow": here.removesuffix(PREFIX)}
    return _html(environment(TEMPLATES).get_template(template).render(**values), status)


def _html(content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(content, status, {"Cache-Control": "no-store"})


def _here(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


class ReportLink(BaseOperatorLink):
    """From a task of the line to the report of its run."""

    name = "Penstock report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - called so
        line = ti_key.dag_id.startswith(("ingest_", "reindex_", "retrain_"))
        return f"/plugin{PREFIX}{PREFIX}/of/{quote(ti_key.dag_id)}/{quote(ti_key.run_id)}" if line else ""


class Preloader:
    """Has a scheduler that forks its tasks import their libraries once, where each task would do so for seconds."""

    @hookimpl
    def on_starting(self, component: object) -> None:  # noqa: ARG002 - its type is not known yet: Airflow calls too soon
        if "scheduler" in sys.argv[1:2] and "LocalExecutor" in conf.get("core", "executor"):
            preload()
            Asset("penstock://any")  # has Airflow import what every provider brings for the URIs of assets


class PenstockPlugin(AirflowPlugin):
    name = "penstock"
    listeners = [Preloader()]  # noqa: RUF012 - Airflow reads them so
    fastapi_apps = [{"app": app, "url_prefix": PREFIX, "name": "Penstock"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Penstock",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "url_route": PREFIX.strip("/"),
        }
    ]
    global_operator_extra_links = [ReportLink()]  # noqa: RUF012
