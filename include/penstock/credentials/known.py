"""Keys as requests bring them, compared with what the catalog knows of them."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from penstock import wording
from penstock.catalog import Catalog
from penstock.catalog.schema import api_keys
from penstock.credentials.caller import Caller
from penstock.credentials.keys import KEY, state
from penstock.errors import CredentialError
from penstock.ids import sha256
from penstock.records import PUBLIC

MAX_AGE_S = 1.0
"""What was read of the keys is used for so long: after it at the latest a revocation counts, and a new key."""
NO_SECRET = sha256(b"")


@dataclass(frozen=True, slots=True)
class _Read:
    """All keys as they were at one moment; ``at`` by the monotonic clock, ``now`` by the catalog's."""

    keys: Mapping[str, Row[Any]]
    at: float
    now: float


class KnownKeys:
    """Every key of the catalog, kept in memory: a key that does not exist costs no question to it."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._read: _Read | None = None

    def caller(self, written: str) -> Caller:
        """Whom a key stands for. Raises ``CredentialError``; only who has its secret learns what became of a key."""
        parts = KEY.fullmatch(written)
        if parts is None:
            raise CredentialError(
                "this is no whole API key: psk_, 12 digits of its id, _, 64 of its secret; copy it anew"
            )
        id_, secret = parts.groups()
        known = self._known()
        row = known.keys.get(id_)
        right = hmac.compare_digest(sha256(secret.encode()), row.secret if row else NO_SECRET)
        if row is None or not right:
            raise CredentialError(f"there is no such API key as this one of the id {id_}; ask for one of this service")
        now = known.now + time.monotonic() - known.at
        match state(now, row.expires_at, row.revoked_at):
            case "revoked":
                raise CredentialError(
                    f"the API key {id_} was revoked on {wording.when(row.revoked_at)} UTC; ask for a new one"
                )
            case "expired":
                raise CredentialError(
                    f"the API key {id_} expired on {wording.when(row.expires_at)} UTC; ask for a new one"
                )
        principals = tuple(sorted({PUBLIC, *row.principals}))
        return Caller(f"key:{id_}", principals, person=row.name, owner=f"key {row.name}")

    def _known(self) -> _Read:
        with self._lock:
            if self._read is None or time.monotonic() - self._read.at >= MAX_AGE_S:
                at = time.monotonic()  # before it is read: what is committed from here on may be missing
                with self._catalog.read() as connection:
                    now = self._catalog.now(connection)
                    self._read = _Read({row.id: row for row in connection.execute(select(api_keys))}, at, now)
            return self._read
