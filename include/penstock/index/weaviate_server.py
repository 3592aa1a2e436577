"""One Weaviate server: the one client of it, and that client's errors in penstock's words."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

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
from penstock.index.weaviate_access import KEY_VARIABLE, Access, Address
from penstock.settings import WeaviateSettings
from penstock.sources import Connections, connection_from_environment

if TYPE_CHECKING:
    from weaviate import WeaviateClient

OLDEST = (1, 38)
"""The oldest server that is supported: aliases, range filters and the operators that are used here."""
TRUSTED_VARIABLE = "SSL_CERT_FILE"
CHECK = "check weaviate.http and weaviate.grpc, or the connection that names the server"
SAID = 600
"""Characters of an error that are kept: more than the longest names of collections that it may hold."""
REFUSED = (AuthenticationFailedError, InsufficientPermissionsError)
UNREACHED = (WeaviateConnectionError, WeaviateStartUpError, httpx.ConnectError)
AWAY = (
    WeaviateClosedClientError,
    WeaviateConnectionError,
    WeaviateGRPCUnavailableError,
    WeaviateRetryError,
    WeaviateStartUpError,
    WeaviateTimeoutError,
    httpx.TransportError,
)
NO_CLASS = "could not find class"
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


class Server:
    """Where collections are kept. Opens nothing before the first use; threads may share it, processes may not."""

    def __init__(
        self, settings: WeaviateSettings | None = None, connections: Connections = connection_from_environment
    ) -> None:
        self.settings = settings or WeaviateSettings()
        self._access = Access(self.settings, connections)

    @cached_property
    def client(self) -> WeaviateClient:
        (http, rpc), key = self._access.addresses, self._access.key
        try:
            client = weaviate.connect_to_custom(
                http_host=http.host,
                http_port=http.port,
                http_secure=http.secure,
                grpc_host=rpc.host,
                grpc_port=rpc.port,
                grpc_secure=rpc.secure,
                headers=self._access.headers,
                auth_credentials=Auth.api_key(key) if key else None,
                additional_config=_options(self.settings.timeout_s, os.environ.get(TRUSTED_VARIABLE)),
                skip_init_checks=True,  # they ask the package registry for the client's newest version
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:  # so the client takes other JSON there
            raise StoreError(f"what answers at {self.url} tells no version of Weaviate; {CHECK}") from error
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
        return self.address("http").url

    def address(self, kind: str) -> Address:
        """Of ``http`` or ``grpc``."""
        return self._access.address(kind)

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
            if _in_causes(error, "WRONG_VERSION_NUMBER"):
                raise StoreError(f"{what}: it does not speak TLS there; {CHECK}") from None
            if _in_causes(error, NO_CLASS):
                raise StoreError(
                    f"{what}: gRPC has no such collection at {':'.join(map(str, self.address('grpc')[:2]))}; "
                    f"that is another server, or it was dropped just now; {CHECK}"
                ) from error
            if _in_causes(error, "CERTIFICATE_VERIFY_FAILED"):
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


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _in_causes(error: BaseException, words: str) -> bool:
    return any(words in str(one) for one in _causes(error))


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
    """The first line: what follows may quote what was written or asked for. A server's reason stands at its end.

    Of a server that was not reached the client says no more than that: the system's reason stands below it.
    """
    if isinstance(error, UNREACHED):
        reason = [line for one in _causes(error) if (line := str(one).strip().partition("\n")[0])][-1]
        return f"{shortened(reason, SAID)}; {CHECK}"
    return shortened(str(error).strip().partition("\n")[0], SAID)


def shortened(message: str, limit: int) -> str:
    """At most about so many characters, from both ends.

    >>> shortened("merge into index a: shard b: store is read-only", 32)
    'merge into index … ore is read-only'
    """
    half = limit // 2
    return message if len(message) <= limit else f"{message[:half].rstrip()} … {message[-half:].lstrip()}"


def _numbers(version: str) -> tuple[int, ...]:
    """Major and minor.

    >>> _numbers("v1.40.0-dev")
    (1, 40)
    """
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
