"""Who may read, today: carry a change of principals to every row of a document, in every release, at once.

The catalog is written first and says "pending" until every collection was told, so a crash in between is made good by
the next sync.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select, update

from penstock.catalog import batched
from penstock.catalog.schema import documents, generations
from penstock.planning import canonical
from penstock.platform import Platform


def apply_access(platform: Platform, principals: Mapping[str, tuple[str, ...]]) -> int:
    """Set who may read the named documents; return how many were changed."""
    if not principals:
        return 0
    catalog = platform.catalog
    with catalog.write() as connection:
        for id_, names in principals.items():
            connection.execute(
                update(documents)
                .where(documents.c.id == id_)
                .values(principals=canonical(list(names)), principals_pending=True)
            )
        collections = list(
            connection.execute(select(generations.c.collection).where(generations.c.dropped_at.is_(None))).scalars()
        )
    for name in collections:
        collection = platform.collection(name)
        if collection.exists():
            collection.set_principals(principals)
    with catalog.write() as connection:
        for batch in batched(principals):
            connection.execute(update(documents).where(documents.c.id.in_(batch)).values(principals_pending=False))
    return len(principals)
