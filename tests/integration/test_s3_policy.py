"""The least-privilege policies of docs/s3: enough for everything that an installation does, and not more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from penstock import maintenance, moving
from penstock.erasure import erase
from penstock.errors import StoreError
from penstock.lake import Lake
from penstock.parsing import ParserPool
from penstock.settings import ParserSettings
from support.bucket import BucketWorkspace, keep_stores_at, s3_client, s3_server
from support.s3_policy import Policy
from support.s3_proxy import S3Proxy, refused, s3_proxy
from support.workspace import WHO

pytestmark = pytest.mark.server
LARGE = 6 * 2**20
"""Bytes that go to a bucket in parts."""
BREAKING_OFF = {("s3:AbortMultipartUpload", f"arn:aws:s3:::penstock/{where}/*") for where in ("lake", "index")}
"""What only an upload that fails asks for."""
POLICIES = Path(__file__).parents[2] / "docs" / "s3"


@pytest.fixture
def upstream() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def stores(upstream: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    with s3_proxy(upstream) as started:
        keep_stores_at(monkeypatch, started.url)
        client = s3_client(upstream)
        client.create_bucket(Bucket="penstock")
        client.put_bucket_versioning(Bucket="penstock", VersioningConfiguration={"Status": "Enabled"})
        yield started


@pytest.fixture
def documents(upstream: str) -> Iterator[S3Proxy]:
    with s3_proxy(upstream) as started:
        yield started


def write(w: BucketWorkspace, key: str, text: str, principals: str = "public") -> None:
    tags = urlencode({"penstock:principals": principals})
    w.s3.put_object(Bucket=w.bucket, Key=f"contracts/{key}", Body=text.encode(), Tagging=tags)


def live(w: BucketWorkspace) -> None:
    """Everything that reads or writes a bucket: syncs, searches, upkeep, a rebuild, a move there and back, erasure."""
    write(w, "mill.md", "The mill turns by day.")
    write(w, "kiln.md", "The kiln burns by night.", "group:kiln")
    write(w, "large.html", f"<p>The weir is long.</p><!-- {'x' * LARGE} -->")
    assert w.sync().counts["new"] == 3
    write(w, "mill.md", "The mill turns by night.")
    w.s3.delete_object(Bucket=w.bucket, Key="contracts/large.html")
    w.sync(verify=True)
    w.reindex()
    assert w.found("kiln", principals=["group:kiln"])[0] == "kiln.md"
    maintenance.prune(w.platform, "main", 1)
    maintenance.optimize(w.platform, "main")
    for place in (str(w.root / "elsewhere"), w.settings.index_url):
        moving.move(w.platform, "main", place)
        w.change_store(place)
        moving.drop_moved(w.platform, "main")
    erase(w.platform, "docs", "kiln.md", WHO, "it was asked for")
    assert maintenance.verify(w.platform, "main") == []
    assert w.found("mill") == ["mill.md"]


def test_the_policies_are_enough_for_a_whole_life_and_not_more(
    stores: S3Proxy, documents: S3Proxy, upstream: str, tmp_path: Path, pools: dict[ParserSettings, ParserPool]
) -> None:
    w = BucketWorkspace(
        tmp_path / "w", pools, upstream, documents, lake="s3://penstock/lake", access_from="tags", prefix="contracts/"
    )
    policy, source = Policy.read(POLICIES / "stores.json"), Policy.read(POLICIES / "source.json", legal=w.bucket)
    documents.play_all(source.enforce)
    stores.play_all(policy.enforce)
    w.change_store("s3://penstock/index")
    live(w)
    w.platform.close()
    assert (policy.denied, source.denied) == ([], [])
    assert source.grants() - source.used == set()
    assert policy.grants() - policy.used == BREAKING_OFF


def test_an_upload_that_fails_is_broken_off_and_may_be(stores: S3Proxy) -> None:
    policy = Policy.read(POLICIES / "stores.json")
    rule = stores.play(refused(403, "AccessDenied"), method="PUT")
    stores.play_all(policy.enforce)
    with pytest.raises(StoreError, match="access is denied"):
        Lake("s3://penstock/lake", retries=0).put_bytes(b"x" * LARGE)
    assert rule.played > 0
    assert ("s3:AbortMultipartUpload", "arn:aws:s3:::penstock/lake/*") in policy.used
    assert policy.denied == []
