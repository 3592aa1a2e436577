"""Whose certificates count where a source is behind https."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from penstock.errors import ConfigError


def authorities() -> str | bool:
    """The file or the folder that ``REQUESTS_CA_BUNDLE`` names, or ``True`` for the usual. Raises ``ConfigError``."""
    path = os.environ.get("REQUESTS_CA_BUNDLE", "")
    if not path:
        return True
    folder = Path(path).is_dir()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            capath=path if folder else None, cafile=None if folder else path
        )
    except OSError as error:
        raise ConfigError(
            f"REQUESTS_CA_BUNDLE names {path!r}, which cannot be read as certificates ({error.strerror or error}); "
            "name a file in PEM, or take the variable away"
        ) from None
    return path
