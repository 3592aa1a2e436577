"""What was erased and must not come back, under whatever name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from penstock.catalog.schema import documents, erased_bytes
from penstock.ids import hash_of
from penstock.platform import Platform


@dataclass(frozen=True, slots=True)
class Graves:
    """Ids of documents, and names of bytes (see ``buried_name``)."""

    documents: frozenset[str]
    bytes: frozenset[str]


def graves(platform: Platform) -> Graves:
    with platform.catalog.read() as connection:
        ids = connection.execute(select(documents.c.id).where(documents.c.erased_at.is_not(None))).scalars()
        return Graves(frozenset(ids), frozenset(connection.execute(select(erased_bytes.c.digest)).scalars()))


def buried_name(revision: str) -> str:
    """What is kept of erased bytes: enough to know them again, and not the name that a copy elsewhere would have."""
    return hash_of("erased", revision)
