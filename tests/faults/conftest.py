"""An S3 server of a module's own, and a proxy before it that can misbehave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.bucket import s3_server, set_credentials
from support.s3_proxy import S3Proxy, s3_proxy


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture
def proxy(upstream: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Proxy]:
    set_credentials(monkeypatch)
    with s3_proxy(upstream) as started:
        yield started
