"""Who asked to be forgotten, and when: what began before must not be written after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from penstock.batching import batched
from penstock.catalog.schema import erased_people

Graves = Mapping[str, float]
"""When the person or session of a digest was erased, in seconds since 1970."""


def graves(connection: Connection, digests: Iterable[str | None]) -> Graves:
    """The tombstones among the digests; those of a transaction that writes, once ``Catalog.hold`` has returned."""
    found: dict[str, float] = {}
    for batch in batched(sorted({one for one in digests if one})):
        query = select(erased_people.c.digest, erased_people.c.erased_at).where(erased_people.c.digest.in_(batch))
        found |= {row.digest: row.erased_at for row in connection.execute(query)}
    return found


def is_forgotten(graves: Graves, digests: Iterable[str | None], at: float | None) -> bool:
    """Whether one of them was erased after ``at``; what has no time is as old as can be."""
    return any(at is None or at <= graves[one] for one in digests if one is not None and one in graves)
