"""Where a Weaviate server is, and by what key it is entered: from the settings, a connection, the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from penstock.api_keys import usable_key
from penstock.errors import ConfigError
from penstock.header_values import is_header_name
from penstock.settings import WeaviateSettings
from penstock.sources import Connections

HERE = {"http": ("localhost", 8080), "grpc": ("localhost", 50051)}
KEY_VARIABLE = "WEAVIATE_API_KEY"
OTHER_KEYS = ("login", "access_token", "client_secret")
"""What else a connection of the provider may sign in by."""
HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\s/:@?#]+")
PORTS = range(1, 65_536)


class Address(NamedTuple):
    host: str
    port: int
    secure: bool

    @property
    def url(self) -> str:
        return f"http{'s' if self.secure else ''}://{self.host}:{self.port}"


class Access:
    """Each part is read when it is asked for. Raises ``ConfigError`` that names its place and never a secret."""

    def __init__(self, settings: WeaviateSettings, connections: Connections) -> None:
        self._settings = settings
        self._connections = connections

    @property
    def addresses(self) -> tuple[Address, Address]:
        """Of HTTP and of gRPC, which differ."""
        http, rpc = self.address("http"), self.address("grpc")
        if http[:2] == rpc[:2]:
            raise ConfigError(
                f"weaviate: HTTP and gRPC cannot both be at {http.host}:{http.port}; set weaviate.http and "
                f"weaviate.grpc, or port and extra.grpc_port of {self._named}, to the server's two ports"
            )
        return http, rpc

    def address(self, kind: str) -> Address:
        """Of ``http`` or ``grpc``: what the settings say, else the connection's, else this machine's."""
        written = self._settings.http if kind == "http" else self._settings.grpc
        if written:
            return _parse(kind, written)
        connection, extra = self._connection, self._extra
        if not connection.get("host"):
            return Address(*HERE[kind], secure=False)
        secure = _is_true(extra.get(f"{kind}_secure", False))
        host, port = ("host", connection["host"]), ("port", connection.get("port"))
        if kind == "grpc":
            host = ("grpc_host", extra["grpc_host"]) if extra.get("grpc_host") else host
            port = ("grpc_port", extra.get("grpc_port"))
        return Address(self._host(*host), self._port(*port) or (443 if secure else 80), secure)

    @property
    def key(self) -> str | None:
        places = [(f"{name} of {self._named}", self._extra.get(name)) for name in ("api_key", "token")]
        for place, value in [*places, (KEY_VARIABLE, os.environ.get(KEY_VARIABLE))]:
            if key := usable_key(value, place):
                return key
        given = {"login": self._connection.get("login"), **self._extra}
        if other := [name for name in OTHER_KEYS if given.get(name)]:
            raise ConfigError(
                f"{self._named} signs in by {' and '.join(other)}, and penstock by a "
                f'key alone; give it one (extra: {{"token": …}}), or set {KEY_VARIABLE}'
            )
        return None

    @property
    def headers(self) -> dict[str, str]:
        """What the connection says is to be sent with every request; it may be a secret."""
        headers = self._extra.get("additional_headers") or {}
        if not isinstance(headers, Mapping):
            raise ConfigError(f'additional_headers of {self._named} are none; write {{"NAME": "VALUE"}}')
        for place, (name, value) in enumerate(headers.items(), 1):
            if not is_header_name(name):
                raise ConfigError(f"additional_headers of {self._named}: the name of number {place} is no header's")
            if not (isinstance(value, str) and value.isascii() and value.isprintable()):
                raise ConfigError(f"additional_headers of {self._named}: the value of {name} cannot be sent")
        return {name: value.strip() for name, value in headers.items()}

    def _host(self, part: str, value: object) -> str:
        if not HOST.fullmatch(str(value)):  # not shown: it may be an address with a password
            raise ConfigError(
                f"{part} of {self._named} will not do: write the host's name alone; the port has a place of its own, "
                "and TLS is extra.http_secure and extra.grpc_secure"
            )
        return str(value)

    def _port(self, part: str, value: object) -> int | None:
        if value in (None, ""):
            return None
        if not str(value).isdecimal() or int(str(value)) not in PORTS:
            raise ConfigError(f"{part} of {self._named} is {value!r}; a port is a number from 1 to {PORTS[-1]}")
        return int(str(value))

    @cached_property
    def _connection(self) -> Mapping[str, Any]:
        return self._connections(self._settings.connection) or {}

    @property
    def _extra(self) -> Mapping[str, Any]:
        return self._connection.get("extra") or {}

    @property
    def _named(self) -> str:
        return f"the connection {self._settings.connection!r}"


def _parse(kind: str, url: str) -> Address:
    parts = urlsplit(url)
    secure = parts.scheme.endswith("s")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ConfigError(f"weaviate.{kind}: {url!r} will not do: its port is no number from 1 to {PORTS[-1]}")
    if not parts.hostname:
        raise ConfigError(f"weaviate.{kind}: {url!r} will not do: it names no host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(host, port or (443 if secure else HERE[kind][1]), secure)


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true", "yes", "on")
