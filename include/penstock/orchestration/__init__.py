"""Airflow's side of the platform: a module for each family of DAGs, with its factories and the tasks that they wire.

The only package that imports Airflow. What a task does stands in ``steps``, ``retraining`` and ``maintenance`` and also
runs from the command line; heavy libraries are imported when a task runs, never when a DAG file is parsed.
"""

from __future__ import annotations

from penstock.orchestration.approving import approval_dag
from penstock.orchestration.assets import drift_asset, feedback_asset, index_asset
from penstock.orchestration.line import ingest_dag, reindex_dag
from penstock.orchestration.opening import airflow_connection, opened
from penstock.orchestration.retraining import feedback_dag, retrain_dag
from penstock.orchestration.upkeep import maintain_dag
from penstock.orchestration.wiring import index_names

__all__ = [
    "airflow_connection",
    "approval_dag",
    "drift_asset",
    "feedback_asset",
    "feedback_dag",
    "index_asset",
    "index_names",
    "ingest_dag",
    "maintain_dag",
    "opened",
    "reindex_dag",
    "retrain_dag",
]
