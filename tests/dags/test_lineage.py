"""What OpenLineage is told of an index."""

from __future__ import annotations

from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from openlineage.client.event_v2 import Dataset

from penstock.orchestration import index_asset


def test_the_asset_of_an_index_is_a_data_set_of_its_name() -> None:
    assert translate_airflow_asset(index_asset("main"), None) == Dataset(namespace="penstock", name="main")
