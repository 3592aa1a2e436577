"""Weaviate servers for the tests: one that is shared, and one of a test's own that it may kill.

PENSTOCK_TEST_WEAVIATE_URL names a running server (and PENSTOCK_TEST_WEAVIATE_GRPC its other address, where that is not
port 50051 of the same host). Every user of it has a prefix of its own, and takes away what it made.
PENSTOCK_TEST_WEAVIATE_BINARY names the server's program, for tests that kill it or look into its files.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from penstock.settings import WeaviateSettings
from support.certificates import Certificate

if TYPE_CHECKING:
    from penstock.index.weaviate_server import Server

URL, BINARY = "PENSTOCK_TEST_WEAVIATE_URL", "PENSTOCK_TEST_WEAVIATE_BINARY"
START_S = 120.0


def require_weaviate(**options: Any) -> WeaviateSettings:
    """Settings of the shared server, below a new prefix; skips the test where there is none."""
    url = os.environ.get(URL)
    if not url:
        pytest.skip(f"{URL} names no Weaviate server")
    grpc = os.environ.get("PENSTOCK_TEST_WEAVIATE_GRPC") or f"grpc://{urlsplit(url).hostname}:50051"
    return WeaviateSettings(http=url, grpc=grpc, prefix=f"Test{secrets.token_hex(4)}_", **options)


@cache
def server_at(settings: WeaviateSettings) -> Server:
    from penstock.index.weaviate_server import Server

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


class OwnServer:
    """A server of one test, with its data in ``folder``; over TLS where it has a certificate."""

    def __init__(self, binary: str, folder: Path, tls: Certificate | None = None, **environment: str) -> None:
        self.binary, self.folder, self.tls, self.environment = binary, folder, tls, environment
        self.ports = _free_ports(6)  # in a row: the server takes a port of the cluster's to be the one before, plus 1
        (http, grpc), s = self.ports[:2], "s" if tls else ""
        self.settings = WeaviateSettings(
            http=f"http{s}://127.0.0.1:{http}", grpc=f"grpc{s}://127.0.0.1:{grpc}", timeout_s=20.0
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        http, grpc, raft, rpc, gossip, data = map(str, self.ports)
        environment = {
            "PATH": os.environ["PATH"],
            "PERSISTENCE_DATA_PATH": str(self.folder),
            "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
            "DEFAULT_VECTORIZER_MODULE": "none",
            "CLUSTER_HOSTNAME": "node1",
            "CLUSTER_IN_LOCALHOST": "true",
            "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
            "CLUSTER_GOSSIP_BIND_PORT": gossip,
            "CLUSTER_DATA_BIND_PORT": data,
            "RAFT_BOOTSTRAP_EXPECT": "1",
            "RAFT_PORT": raft,
            "RAFT_INTERNAL_RPC_PORT": rpc,
            "GRPC_PORT": grpc,
            "GO_PROFILING_DISABLE": "true",
            "DISABLE_TELEMETRY": "true",
            **self.environment,
        }
        command = [self.binary, "--scheme", "http", "--host", "127.0.0.1", "--port", http]
        if self.tls:
            certificate, key = map(str, self.tls)
            environment |= {"GRPC_CERT_FILE": certificate, "GRPC_KEY_FILE": key}
            command = [self.binary, "--scheme", "https", "--tls-host", "127.0.0.1", "--tls-port", http]
            command += ["--tls-certificate", certificate, "--tls-key", key]
        with (self.folder.parent / "weaviate.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self._ready():
            assert time.monotonic() < deadline, f"no Weaviate after {START_S:.0f} s"
            time.sleep(0.2)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.settings.http}/v1/.well-known/ready", timeout=5, verify=self._trusted).is_success
        except httpx.TransportError:
            return False

    @property
    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.tls.certificate) if self.tls else None)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def files_with(self, word: str) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file() and word.encode() in _bytes(path)]


@contextmanager
def own_weaviate(folder: Path, tls: Certificate | None = None, **environment: str) -> Iterator[OwnServer]:
    """A server that the test may kill; skips the test where there is no program for it."""
    binary = os.environ.get(BINARY)
    if not binary:
        pytest.skip(f"{BINARY} names no Weaviate program")
    (folder / "weaviate").mkdir()
    server = OwnServer(binary, folder / "weaviate", tls, **environment)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def _free_ports(count: int) -> list[int]:
    """So many free ports in a row."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            start = first.getsockname()[1]
            try:
                for port in range(start + 1, start + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return list(range(start, start + count))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # the server merges its files as it likes
        return b""
