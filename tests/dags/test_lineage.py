"""What OpenLineage is told of an index: through Airflow's own look-up, by the entry point of this package."""

from __future__ import annotations

from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset
from openlineage.client.event_v2 import Dataset
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet

from penstock.orchestration import index_asset


def test_a_release_is_a_version_of_the_data_set_of_its_index() -> None:
    released = Asset(name="main", uri=index_asset("main").uri, extra={"release": 7, "run": 9})
    version = {"version": DatasetVersionDatasetFacet(datasetVersion="7")}
    assert translate_airflow_asset(released, None) == Dataset(namespace="penstock", name="main", facets=version)


def test_an_index_that_a_task_only_declares_is_not_said_to_be_written() -> None:
    assert translate_airflow_asset(index_asset("main"), None) is None
