"""What a DAG tells the others: a release went live, enough feedback came in, something drifted."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, get_current_context


def index_asset(index: str) -> Asset:
    """What downstream DAGs schedule on. Its event's ``extra`` holds the release and the run that staged it."""
    return Asset(name=index, uri=f"penstock://{index}", group="penstock")


def drift_asset(index: str) -> Asset:
    """What a DAG that makes new models may schedule on: something drifted, and ``on_drift`` is ``retrain``."""
    return Asset(name=f"{index}-drift", uri=f"penstock://{index}/drift", group="penstock")


def feedback_asset(index: str) -> Asset:
    """There is enough new feedback to look whether a model can be better for it."""
    return Asset(name=f"{index}-feedback", uri=f"penstock://{index}/feedback", group="penstock")


def announced(index: str, release: int, run: int) -> dict[str, Any]:
    event = {"release": release, "run": run}
    get_current_context()["outlet_events"][index_asset(index)].extra.update(event)
    return event
