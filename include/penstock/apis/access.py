"""Whose key is used, and at which address: the settings, an Airflow connection, the environment, in this order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.api_keys import usable_key
from penstock.errors import ConfigError
from penstock.settings import ApiSettings, checked_base_url
from penstock.sources.connection import Connections


@dataclass(frozen=True)
class Service:
    """A provider: its address, and the names under which people keep its key."""

    name: str
    base_url: str
    connection: str
    variables: tuple[str, ...]


COHERE = Service("Cohere", "https://api.cohere.com", "cohere_default", ("CO_API_KEY", "COHERE_API_KEY"))
OPENAI = Service("OpenAI", "https://api.openai.com/v1", "openai_default", ("OPENAI_API_KEY",))


@dataclass(frozen=True)
class Access:
    """``key`` is in no message and no repr; ``found_in`` says where it came from. None: the server asks for none."""

    base_url: str
    key: str | None = field(repr=False)
    found_in: str

    def without_key(self, text: str) -> str:
        """Take the key out of what a server or a library says: some repeat it."""
        return text.replace(self.key, "[key]") if self.key else text


def find_access(service: Service, settings: ApiSettings, connections: Connections) -> Access:
    """Find key and address. A server of one's own (``base_url``) that speaks OpenAI's embeddings may need no key.

    Raises ``ConfigError``: the named connection does not exist, there is no key, it cannot be one, or a bad address.
    """
    name = settings.connection or service.connection
    connection = connections(name)
    if settings.connection and connection is None:
        raise ConfigError(
            f"there is no connection {name!r}; set AIRFLOW_CONN_{name.upper()}, or add it in Airflow, where only its "
            "tasks see it"
        )
    connection = connection or {}
    base_url = settings.base_url or _address(name, connection)
    key, found_in = _key(service, name, connection)
    if key is None and not (service is OPENAI and base_url):
        raise ConfigError(
            f"there is no key for {service.name}: set {' or '.join(service.variables)}, or make it the password of the "
            f"connection {name!r} (AIRFLOW_CONN_{name.upper()}, or Airflow's own, which only its tasks see)"
        )
    return Access(base_url or service.base_url, key, found_in)


def _key(service: Service, name: str, connection: Mapping[str, Any]) -> tuple[str | None, str]:
    places = [(f"the connection {name!r}", connection.get("password"))]
    places += [(variable, os.environ.get(variable)) for variable in service.variables]
    for place, value in places:
        if key := usable_key(value, place):
            return key, place
    return None, "nowhere"


def _address(name: str, connection: Mapping[str, Any]) -> str | None:
    host = connection.get("host")
    if not host:
        return None
    if "://" not in host:
        host = f"https://{host}" + (f":{connection['port']}" if connection.get("port") else "")
    try:
        return checked_base_url(host)
    except ValueError as error:
        raise ConfigError(f"the host of the connection {name!r}: {error}") from None
