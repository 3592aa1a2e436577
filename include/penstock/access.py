"""Who may read, today: carry a change of principals to every row of a document, in every release, at once.

The catalog is written first and says "pending" until every collection was told, so a crash in between is made good by
the next sync.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import update

from penstock import leases
from penstock.batching import batched
from penstock.catalog.schema import documents
from penstock.leases import Lease
from penstock.planning import canonical
from penstock.platform import Platform


def apply_access(platform: Platform, principals: Mapping[str, tuple[str, ...]], lease: Lease) -> int:
    """Set who may read the named documents; return how many were changed.

    Raises ``LeaseLostError`` where another writer has listed since: what this one saw is no longer today's.
    """
    if not principals:
        return 0
    catalog = platform.catalog
    writers = [collection.writer() for _generation, collection in platform.collections()]
    with catalog.write() as connection:
        leases.check(connection, catalog, lease)
        for id_, names in principals.items():
            connection.execute(
                update(documents)
                .where(documents.c.id == id_)
                .values(principals=canonical(list(names)), principals_pending=True)
            )
    for writer in writers:
        writer.set_principals(principals)
    with catalog.write() as connection:
        leases.check(connection, catalog, lease)  # another writer's change may be pending by now
        for batch in batched(principals):
            connection.execute(update(documents).where(documents.c.id.in_(batch)).values(principals_pending=False))
    return len(principals)
