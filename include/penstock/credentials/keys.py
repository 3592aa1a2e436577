"""API keys, as people make, list and revoke them.

What is kept of a key is the SHA-256 of its secret. A slow hash is for passwords, which people choose and others guess:
nobody guesses 256 random bits, and each request would pay for it.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from penstock import decisions
from penstock.catalog.schema import api_keys
from penstock.credentials.caller import ANONYMOUS
from penstock.decisions import Who
from penstock.errors import UnknownNameError, UsageError
from penstock.ids import hash_of, sha256
from penstock.platform import Platform
from penstock.records import NOBODY
from penstock.source_settings import checked_principals

PREFIX = "psk_"
KEY = re.compile(rf"{PREFIX}([0-9a-f]{{12}})_([0-9a-f]{{64}})")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
DAY_S = 86_400.0
SHOWN = ("id", "name", "principals", "created_at", "created_by", "expires_at", "revoked_at")


def create(
    platform: Platform, who: Who, name: str, principals: Sequence[str], expires_days: float | None = None
) -> dict[str, Any]:
    """Make a key that gives ``principals``, and return it. Its text, ``key``, is kept nowhere and never shown again.

    Raises ``UsageError`` for a name that will not do or that a key in force has, and for what is no principal.
    """
    given = _checked(name, principals, expires_days)
    secret = secrets.token_hex(32)
    catalog, id_ = platform.catalog, hash_of("api key", secret)[:12]
    with catalog.write(durable=True) as connection:
        _require_free(connection, name)
        now = catalog.now(connection)
        row = {
            "id": id_,
            "name": name,
            "principals": given,
            "created_at": now,
            "created_by": who.name,
            "expires_at": None if expires_days is None else now + DAY_S * expires_days,
        }
        connection.execute(insert(api_keys).values(**row, secret=sha256(secret.encode())))
        decisions.record(connection, catalog, who, "create-key", f"key {id_} gives {', '.join(given)}")
    return {**row, "key": f"{PREFIX}{id_}_{secret}"}


def list_keys(platform: Platform) -> list[dict[str, Any]]:
    """Every key that was ever made, the newest first, with its ``state``: valid, expired or revoked."""
    with platform.catalog.read() as connection:
        now = platform.catalog.now(connection)
        columns = (api_keys.c[name] for name in SHOWN)
        rows = [
            dict(row._mapping) for row in connection.execute(select(*columns).order_by(api_keys.c.created_at.desc()))
        ]
    return [{**row, "state": state(now, row["expires_at"], row["revoked_at"])} for row in rows]


def revoke(platform: Platform, who: Who, id_: str, why: str, in_days: float = 0.0) -> dict[str, Any]:
    """Make a key open nothing any more, from now on or in so many days; another may have its name at once.

    Raises ``UnknownNameError``, and ``UsageError`` where it is revoked already or the reason is blank.
    """
    why, catalog = decisions.reasoned(why), platform.catalog
    if not (math.isfinite(in_days) and in_days >= 0):
        raise UsageError(f"--in-days {in_days:g} will not do; it is a number of days from now, 0 for at once")
    with catalog.write(durable=True) as connection:
        keys = {
            row.id: row for row in connection.execute(select(api_keys.c.id, api_keys.c.name, api_keys.c.revoked_at))
        }
        if id_ not in keys:
            raise UnknownNameError("key", id_, keys)
        now = catalog.now(connection)
        ends, already = now + DAY_S * in_days, keys[id_].revoked_at
        if already is not None and already <= ends:
            raise UsageError(f"key {id_!r} was revoked before; it opens nothing, or will not by then")
        connection.execute(update(api_keys).where(api_keys.c.id == id_).values(revoked_at=ends))
        decisions.record(connection, catalog, who, "revoke-key", f"key {id_}: {why}")
    return {"id": id_, "name": keys[id_].name, "revoked_at": ends}


def state(now: float, expires_at: float | None, revoked_at: float | None) -> str:
    """
    >>> state(10.0, None, None), state(10.0, 10.0, None), state(10.0, 5.0, 10.0), state(10.0, None, 11.0)
    ('valid', 'expired', 'revoked', 'valid')
    """
    if revoked_at is not None and revoked_at <= now:
        return "revoked"
    return "expired" if expires_at is not None and expires_at <= now else "valid"


def _checked(name: str, principals: Sequence[str], expires_days: float | None) -> list[str]:
    if not NAME.fullmatch(name) or name == ANONYMOUS:
        raise UsageError(
            f"{name!r} will not do as a key's name: a small letter, then letters, digits, - and _, not {ANONYMOUS!r}"
        )
    if expires_days is not None and not (math.isfinite(expires_days) and expires_days > 0):
        raise UsageError(f"--expires {expires_days:g} will not do; it is a number of days above 0")
    if NOBODY in principals:
        raise UsageError(f"{NOBODY!r} is not a reader: it marks what no one may see")
    try:
        return list(checked_principals(tuple(principals)))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _require_free(connection: Connection, name: str) -> None:
    in_force = select(api_keys.c.id).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
    other = connection.execute(in_force).scalar()
    if other is not None:
        raise UsageError(
            f"there is a key {name!r} already, {other}; choose another name, or revoke it first: "
            f"`penstock keys revoke {other} --why …` (--in-days N: it goes on for so long)"
        )
