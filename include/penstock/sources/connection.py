"""Airflow connections as plain dicts, so that one variable serves Airflow and the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from penstock.errors import ConfigError

Connections = Callable[[str], Mapping[str, Any] | None]
"""A connection's name to its parts; ``None`` where there is none of that name."""


def connection_from_environment(name: str) -> dict[str, Any] | None:
    """Read ``AIRFLOW_CONN_<NAME>`` in its JSON or URI form; ``None`` where it is not set.

    Keys: conn_type, host, login, password, schema, port, extra (a dict). Raises ``ConfigError`` naming the variable
    and never its value.
    """
    variable = f"AIRFLOW_CONN_{name.upper()}"
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        return _from_json(text) if text.startswith("{") else _from_uri(text)
    except (ValueError, TypeError):
        raise ConfigError(
            f'{variable} is not a connection; write {{"conn_type": "aws", "login": …, "password": …, "extra": {{…}}}} '
            "or aws://LOGIN:PASSWORD@/?region_name=…"
        ) from None


def _from_json(text: str) -> dict[str, Any]:
    raw = json.loads(text)
    extra = raw.get("extra") or {}
    return {**raw, "extra": dict(json.loads(extra) if isinstance(extra, str) else extra)}


def _from_uri(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    if not parts.scheme:
        raise ValueError("no scheme")
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra = {**json.loads(extra.pop("__extra__")), **extra}
    return {
        "conn_type": parts.scheme,
        "host": unquote(parts.hostname or "") or None,
        "login": unquote(parts.username or "") or None,
        "password": unquote(parts.password or "") or None,
        "schema": unquote(parts.path.removeprefix("/")) or None,
        "port": parts.port,
        "extra": extra,
    }
