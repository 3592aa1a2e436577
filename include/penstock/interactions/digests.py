"""Digests under which people, sessions and questions are known: the same for the same, and a name to nobody.

They are keyed (HMAC-SHA-256, RFC 2104), since plain hashes of names and of common questions are guessed in no time.
The key lies in the catalog, so that every worker has the same, and is part of no export.
"""

from __future__ import annotations

import hmac
import secrets

from sqlalchemy import select

from penstock.catalog import Catalog, insert_or_update
from penstock.catalog.schema import digest_keys
from penstock.ids import hash_of

NAME = "people"
DIGEST_CHARS = 32


class Digests:
    """Keyed digests of one catalog; 32 hex digits each."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, kind: str, *parts: str) -> str:
        """The digest of what ``kind`` says the parts are: equal words of two kinds differ."""
        return hmac.digest(self._key, hash_of(kind, *parts).encode(), "sha256").hex()[:DIGEST_CHARS]

    def person(self, name: str | None) -> str | None:
        return self._named("person", name)

    def session(self, name: str | None) -> str | None:
        return self._named("session", name)

    def owner(self, name: str | None) -> str | None:
        """Of a credential, as ``credentials.Caller.owner`` names it."""
        return self._named("owner", name)

    def _named(self, kind: str, name: str | None) -> str | None:
        return self.of(kind, name.strip()) if name and name.strip() else None

    def question(self, text: str) -> str:
        """Equal for questions that differ in case and space alone."""
        return self.of("question", " ".join(text.casefold().split()))


def open_digests(catalog: Catalog) -> Digests:
    """The digests under the catalog's key, which whoever comes first makes."""
    query = select(digest_keys.c.key).where(digest_keys.c.name == NAME)
    with catalog.read() as connection:
        key = connection.execute(query).scalar()
    if key is None:
        with catalog.write() as connection:
            insert_or_update(connection, digest_keys, [{"name": NAME, "key": secrets.token_hex(32)}])
            key = connection.execute(query).scalar_one()
    return Digests(bytes.fromhex(key))
