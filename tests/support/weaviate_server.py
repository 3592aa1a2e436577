"""The Weaviate server that PENSTOCK_TEST_WEAVIATE_URL names, shared by whoever tests at the same time.

Every user of it has a prefix of its own, and takes away what it made. PENSTOCK_TEST_WEAVIATE_GRPC names the other
address; it is port 50051 of the same host unless given.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.index.weaviate_server import Server
from penstock.settings import WeaviateSettings

VARIABLE = "PENSTOCK_TEST_WEAVIATE_URL"


def require_weaviate(**options: Any) -> WeaviateSettings:
    """Settings of the server, below a new prefix; skips the test where there is none."""
    url = os.environ.get(VARIABLE)
    if not url:
        pytest.skip(f"{VARIABLE} names no Weaviate server")
    grpc = os.environ.get("PENSTOCK_TEST_WEAVIATE_GRPC") or f"grpc://{urlsplit(url).hostname}:50051"
    return WeaviateSettings(http=url, grpc=grpc, prefix=f"Test{secrets.token_hex(4)}_", **options)


@cache
def server_at(settings: WeaviateSettings) -> Server:
    return Server(settings)


@contextmanager
def emptied_afterwards(settings: WeaviateSettings) -> Iterator[WeaviateSettings]:
    """Take away whatever stands below the prefix."""
    try:
        yield settings
    finally:
        client = server_at(settings).client
        for alias in client.alias.list_all():
            if alias.startswith(settings.prefix):
                client.alias.delete(alias_name=alias)
        for name in client.collections.list_all(simple=True):
            if name.startswith(settings.prefix):
                client.collections.delete(name)
        server_at(settings).close()
