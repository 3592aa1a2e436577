"""Two Celery workers that share only catalog, bucket and index ingest a bucket; one of them is killed in the middle.

The index is LanceDB in the bucket, and Weaviate where PENSTOCK_TEST_WEAVIATE_URL names a server. The S3 server is the
one that PENSTOCK_TEST_S3_URL names, else moto's.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest

from penstock import maintenance
from penstock.platform import Platform
from penstock.retrieval import search
from penstock.runs import recent
from penstock.settings import load
from support.cluster import Cluster, start_cluster, wait_for
from support.weaviate_server import emptied_afterwards, require_weaviate

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.xdist_group("airflow")]
DOCUMENTS = 500
WORDS = ["water", "gate", "mill", "turbine", "pipe", "river", "valve", "sluice", "weir", "barley", "stone", "wheel"]
CONFIG = """
[sources.docs]
type = "s3"
bucket = "{documents}"
when_silent = ["public"]

[indexes.main]
sources = ["docs"]

[parser]
workers = 1

[store]
lake = "s3://{stores}/lake"
index = "{index}"
batch_mb = 0.02
lease_s = 60
"""
WEAVIATE = """
[weaviate]
http = "{settings.http}"
grpc = "{settings.grpc}"
prefix = "{settings.prefix}"
"""


class Buckets:
    """Names that nobody else on the server has."""

    def __init__(self) -> None:
        mark = secrets.token_hex(4)
        self.documents, self.stores = f"documents-{mark}", f"penstock-{mark}"

    def fill(self, environment: dict[str, str]) -> None:
        """``DOCUMENTS`` different pages, and an empty bucket for lake and index."""
        client = boto3.client(
            "s3",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_REGION"],
        )
        for bucket in (self.documents, self.stores):
            client.create_bucket(Bucket=bucket)
        chance = random.Random(5)
        for number in range(DOCUMENTS):
            page = f"# Page {number}\n\n" + " ".join(chance.choices(WORDS, k=60)) + f". This is page {number}.\n"
            client.put_object(Bucket=self.documents, Key=f"page-{number:03}.md", Body=page.encode())


@pytest.fixture(params=["lancedb", "weaviate"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    buckets = Buckets()
    with ExitStack() as stack:
        if request.param == "weaviate":
            settings = stack.enter_context(emptied_afterwards(require_weaviate()))
            index, more = "weaviate", WEAVIATE.format(settings=settings)
        else:
            index, more = f"s3://{buckets.stores}/index", ""
        config = CONFIG.format(documents=buckets.documents, stores=buckets.stores, index=index)
        (tmp_path / "penstock.toml").write_text(config + more)
        started = stack.enter_context(start_cluster(tmp_path))
        buckets.fill(started.environment)
        yield started


def states(cluster: Cluster, task: str) -> list[str]:
    rows = cluster.query("select task_id, state from task_instance where dag_id = 'ingest_main'")
    return [str(state) for name, state in rows if name == task]


def run_states(cluster: Cluster) -> list[str]:
    return [str(state) for (state,) in cluster.query("select state from dag_run where dag_id = 'ingest_main'")]


def test_a_killed_worker_costs_nothing_but_time(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster.run("db", "migrate")
    cluster.start("api-server", "api-server")
    cluster.start("scheduler", "scheduler")
    cluster.start("dag-processor", "dag-processor")
    for name in ("one", "two"):
        cluster.start_worker(name)
    wait_for("the DAG", lambda: bool(cluster.query("select 1 from dag where dag_id = 'ingest_main'")))
    cluster.run("dags", "unpause", "ingest_main")  # its schedule makes a run at once
    wait_for("some batches done and others at work", lambda: both_at_work(cluster), 600)
    cluster.kill("one")

    wait_for("the end", lambda: set(run_states(cluster)) <= {"success", "failed"} and bool(run_states(cluster)), 900)
    assert run_states(cluster) == ["success"]
    tries = cluster.query("select max(try_number) from task_instance where dag_id = 'ingest_main'")
    assert tries[0][0] > 1, "the killed worker had no task to lose"
    assert_complete(cluster, monkeypatch)


def both_at_work(cluster: Cluster) -> bool:
    found = states(cluster, "prepare")
    return found.count("success") >= 2 and found.count("running") >= 3  # of two slots each: both have some


def assert_complete(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in cluster.environment.items():
        if key.startswith(("AWS_", "PENSTOCK_")):
            monkeypatch.setenv(key, value)
    monkeypatch.setenv("PENSTOCK_HOME", str(cluster.folder / "reader"))
    platform = Platform(load(cluster.folder / "penstock.toml"))
    try:
        (report,) = recent(platform, limit=5)
        assert (report.state, report.release) == ("published", 1)
        assert report.counts["listed"] == report.counts["new"] == DOCUMENTS
        assert maintenance.verify(platform, "main") == []
        found = search(platform, "main", "321", mode="text", k=1).hits
        assert [hit.key for hit in found] == ["page-321.md"]
    finally:
        platform.close()
