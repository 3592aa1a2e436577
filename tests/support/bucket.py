"""A small installation whose documents lie in a bucket, and its lake too, behind proxies that can misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from moto.moto_api._internal import moto_api_backend
from moto.server import ThreadedMotoServer

from penstock.parsing import ParserPool
from penstock.settings import ParserSettings, S3Source
from support.s3_proxy import S3Proxy
from support.workspace import Workspace


def set_credentials(monkeypatch: pytest.MonkeyPatch, tries: int = 1) -> None:
    """Credentials that any S3 server of tests takes; ``tries`` is how often boto3 asks before it gives up."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        "AWS_MAX_ATTEMPTS": str(tries),
    }.items():
        monkeypatch.setenv(name, value)
    for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)


def keep_stores_at(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Have lake and index, which take address and keys from the environment, find the S3 server at ``url``."""
    set_credentials(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_REGION", "us-east-1")


@contextmanager
def s3_server() -> Iterator[str]:
    """A real S3 API server on loopback (moto's); yields its URL."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()
        moto_api_backend.reset()  # its buckets belong to the process: the next server would have them too


def s3_client(url: str) -> Any:
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client("s3", endpoint_url=url, **keys)


class BucketWorkspace(Workspace):
    """``write`` and ``remove`` edit the bucket past the proxy; ``sync`` sees it through the proxy."""

    def __init__(
        self,
        root: Path,
        pools: dict[ParserSettings, ParserPool],
        upstream: str,
        proxy: S3Proxy,
        lake: str | None = None,
        gates: dict[str, Any] | None = None,
        **source: Any,
    ) -> None:
        super().__init__(root, pools, gates=gates)
        self.s3, self.bucket = s3_client(upstream), f"documents-{root.name}"
        self.s3.create_bucket(Bucket=self.bucket)
        options = {"when_silent": ("public",), "endpoint_url": proxy.url} | source
        docs = S3Source(type="s3", bucket=self.bucket, **options)
        store = self.settings.store.model_copy(update={"lake": lake} if lake else {})
        self.settings = self.settings.model_copy(update={"sources": {"docs": docs}, "store": store})
        self.platform = self.open()

    def write(self, key: str, text: str | bytes) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=text)

    def remove(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.bucket, Key=key)
