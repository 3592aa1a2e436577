"""One Weaviate server: its addresses and key, the one client of it, and that client's errors in penstock's words."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import grpc
import httpx
import weaviate
from weaviate.auth import Auth
from weaviate.config import AdditionalConfig, GrpcConfig, Proxies, Timeout
from weaviate.exceptions import (
    AuthenticationFailedError,
    InsufficientPermissionsError,
    UnexpectedStatusCodeError,
    WeaviateBaseError,
    WeaviateClosedClientError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateRetryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
)

from penstock.errors import ConfigError, PenstockError, StoreError, TransientError, disk_is_full, full_disk
from penstock.settings import WeaviateSettings
from penstock.sources import Connections, connection_from_environment

if TYPE_CHECKING:
    from weaviate import WeaviateClient

OLDEST = (1, 38)
"""The oldest server that is supported: aliases, range filters and the operators that are used here."""
HERE = {"http": ("localhost", 8080), "grpc": ("localhost", 50051)}
KEY_VARIABLE, TRUSTED_VARIABLE = "WEAVIATE_API_KEY", "SSL_CERT_FILE"
SAID = 600
"""Characters of an error that are kept: more than the longest names of collections that it may hold."""
OTHER_KEYS = ("login", "access_token", "client_secret")
"""What else a connection of the provider may sign in by."""
REFUSED = (AuthenticationFailedError, InsufficientPermissionsError)
AWAY = (
    WeaviateClosedClientError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateRetryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
    httpx.TransportError,
)
TRY_AGAIN_STATUS = (408, 425, 429, 502, 503, 504)
TRY_AGAIN_WORDS = (
    "unavailable",
    "deadline exceeded",
    "timed out",
    "timeout",
    "connection refused",
    "connection reset",
    "reach enough replicas",
    "not enough memory",
    "resource exhausted",
    "resource_exhausted",
    "leader not found",
    "shutting down",
    "shutdown in progress",
    "store is read-only",
)
"""What a server says that has a replica too few, too little memory, or is on its way up or down."""

# It writes whole objects into its log where one of a batch failed, and texts have no place in a log.
logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)


class Address(NamedTuple):
    host: str
    port: int
    secure: bool


class Server:
    """Where collections are kept. Opens nothing before the first use; threads may share it, processes may not."""

    def __init__(
        self, settings: WeaviateSettings | None = None, connections: Connections = connection_from_environment
    ) -> None:
        self.settings = settings or WeaviateSettings()
        self._connections = connections

    @cached_property
    def client(self) -> WeaviateClient:
        http, rpc, key = self.address("http"), self.address("grpc"), self._key
        try:
            client = weaviate.connect_to_custom(
                http_host=http.host,
                http_port=http.port,
                http_secure=http.secure,
                grpc_host=rpc.host,
                grpc_port=rpc.port,
                grpc_secure=rpc.secure,
                headers=dict(self._extra.get("additional_headers") or {}),
                auth_credentials=Auth.api_key(key) if key else None,
                additional_config=_options(self.settings.timeout_s, os.environ.get(TRUSTED_VARIABLE)),
                skip_init_checks=True,  # they ask the package registry for the client's newest version
            )
        except ValueError as error:  # of two addresses that the client cannot use side by side
            raise ConfigError(f"weaviate: {' '.join(str(error).split())[:300]}") from None
        version = str(client.get_meta()["version"])
        if _numbers(version) < OLDEST:
            client.close()
            raise StoreError(f"{self.url} is Weaviate {version}; penstock needs {'.'.join(map(str, OLDEST))} or newer")
        return client

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()
            del self.__dict__["client"]

    @cached_property
    def url(self) -> str:
        host, port, secure = self.address("http")
        return f"http{'s' if secure else ''}://{host}:{port}"

    def address(self, kind: str) -> Address:
        """Of ``http`` or ``grpc``: what the settings say, else the connection's, else this machine's."""
        written = self.settings.http if kind == "http" else self.settings.grpc
        if written:
            return _parse(kind, written)
        connection = self._connection
        if not connection.get("host"):
            return Address(*HERE[kind], secure=False)
        secure = _is_true(self._extra.get(f"{kind}_secure", False))
        port = connection.get("port") if kind == "http" else self._extra.get("grpc_port")
        host = (kind == "grpc" and self._extra.get("grpc_host")) or connection["host"]
        return Address(str(host), int(port or (443 if secure else 80)), secure)

    @cached_property
    def _connection(self) -> Mapping[str, Any]:
        return self._connections(self.settings.connection) or {}

    @property
    def _key(self) -> str | None:
        key = self._extra.get("api_key") or self._extra.get("token") or os.environ.get(KEY_VARIABLE)
        given = {"login": self._connection.get("login"), **self._extra}
        if not key and (other := [name for name in OTHER_KEYS if given.get(name)]):
            raise ConfigError(
                f"the connection {self.settings.connection!r} signs in by {' and '.join(other)}, and penstock by a "
                f'key alone; give it one (extra: {{"token": …}}), or set {KEY_VARIABLE}'
            )
        return str(key) if key else None

    @property
    def _extra(self) -> Mapping[str, Any]:
        return self._connection.get("extra") or {}

    @contextmanager
    def translated(self, action: str, name: str) -> Iterator[None]:
        """Raise what goes wrong with the collection ``name`` as ``TransientError`` or ``StoreError``."""
        what = f"cannot {action} the index {name!r} at {self.url}"
        try:
            yield
        except PenstockError:
            raise
        except (WeaviateBaseError, httpx.HTTPError, grpc.RpcError, OSError) as error:
            reason = said(error)
            if is_refused(error):
                raise StoreError(
                    f"{what}: the server refuses the key, or the lack of one; set {KEY_VARIABLE}, or the connection "
                    f"{self.settings.connection!r}, to one that may read and write {self.settings.prefix}*"
                ) from None
            if is_untrusted(error):
                raise StoreError(
                    f"{what}: its certificate is none that is trusted here; {TRUSTED_VARIABLE} names a file of "
                    "the authorities that are"
                ) from None
            if disk_is_full(error):
                raise full_disk(f"the index {name!r} at {self.url}") from error
            if is_transient(error):
                raise TransientError(f"{what} now, try again: {reason}") from error
            raise StoreError(f"{what}: {reason}") from error


def _options(limit_s: float, trusted: str | None) -> AdditionalConfig:
    """How long to wait, and whom to trust: certificates of one's own stand in place of the public ones.

    HTTP takes them from the environment alone, and then its proxies too, as gRPC always does.
    """
    options = AdditionalConfig(timeout=Timeout(init=limit_s, query=limit_s, insert=limit_s))
    if trusted:
        try:
            roots = Path(trusted).read_bytes()
        except OSError as error:
            raise ConfigError(f"{TRUSTED_VARIABLE} names no file of certificates: {error}") from None
        options.trust_env, options.proxies = True, Proxies()
        options.grpc_config = GrpcConfig(credentials=grpc.ssl_channel_credentials(roots))
    return options


def is_refused(error: BaseException) -> bool:
    return isinstance(error, REFUSED) or (isinstance(error, UnexpectedStatusCodeError) and error.status_code == 401)


def is_untrusted(error: BaseException | None) -> bool:
    """The client's own words say no more than that it could not connect."""
    while error is not None:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_transient(error: BaseException) -> bool:
    if isinstance(error, (*AWAY, OSError)):
        return True
    if isinstance(error, UnexpectedStatusCodeError) and error.status_code in TRY_AGAIN_STATUS:
        return True
    return says_try_again(str(error))


def says_try_again(message: str) -> bool:
    lowered = message.lower()
    return any(words in lowered for words in TRY_AGAIN_WORDS)


def said(error: BaseException) -> str:
    """The first line: what follows may quote what was written or asked for. A server's reason stands at its end."""
    return shortened(str(error).strip().partition("\n")[0], SAID)


def shortened(message: str, limit: int) -> str:
    """At most about so many characters, from both ends.

    >>> shortened("merge into index a: shard b: store is read-only", 32)
    'merge into index … ore is read-only'
    """
    half = limit // 2
    return message if len(message) <= limit else f"{message[:half].rstrip()} … {message[-half:].lstrip()}"


def _parse(kind: str, url: str) -> Address:
    parts = urlsplit(url)
    secure = parts.scheme.endswith("s")
    try:
        port = parts.port
    except ValueError:
        raise ConfigError(f"weaviate.{kind}: {url!r} will not do: its port is no number") from None
    if not parts.hostname:
        raise ConfigError(f"weaviate.{kind}: {url!r} will not do: it names no host")
    return Address(parts.hostname, port or (443 if secure else HERE[kind][1]), secure)


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true", "yes", "on")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split(".")[:2])
