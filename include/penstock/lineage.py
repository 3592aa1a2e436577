"""What OpenLineage is told of an index: the data set ``INDEX`` in the namespace ``penstock``, its version a release.

Airflow finds this by the entry point ``apache_airflow_provider`` of the package. Without it the OpenLineage provider
knows no converter for ``penstock://`` and leaves the asset out of its events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset

NAMESPACE = "penstock"


def provider_info() -> dict[str, Any]:
    """What this package adds to Airflow, in the words of Airflow's provider_info.schema.json."""
    return {
        "package-name": "penstock",
        "name": "Penstock",
        "description": "Numbered, gated, reversible releases of a search index.",
        "asset-uris": [
            {"schemes": ["penstock"], "handler": None, "to_openlineage_converter": f"{__name__}.{dataset.__name__}"}
        ],
    }


def dataset(asset: Any, _context: object) -> Dataset | None:
    """The data set of an Airflow asset ``penstock://INDEX`` whose event names a release, with that as its version.

    ``None`` for an asset that a task merely declares: whether it will publish shows at its end, and OpenLineage would
    count what is declared as written, also where publishing was skipped.
    """
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet

    release = asset.extra.get("release")
    if release is None:
        return None
    name = asset.uri.removeprefix("penstock://").rstrip("/")
    return Dataset(NAMESPACE, name, facets={"version": DatasetVersionDatasetFacet(datasetVersion=str(release))})
