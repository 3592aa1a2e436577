"""Keys as people leave them in connections, in variables and in files made into variables."""

from __future__ import annotations

from penstock.errors import ConfigError


def usable_key(value: object, place: str) -> str | None:
    """Return the key without the white space around it; ``None`` where there is none.

    Raises ``ConfigError`` naming ``place`` and never the value: it cannot be sent, and the error of the client that
    tried would hold it.
    """
    key = str(value or "").strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"what {place} holds is no key: it has a space or a character that no key has")
    return key or None
