"""Where the next reading of each source may begin: a part of the release that holds what was read up to there.

So a cursor moves exactly when its records are kept. A release that was refused, superseded or never finished takes its
cursors with it, and the next run, which builds on the release before, reads the same records again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from penstock import leases
from penstock.batching import batched
from penstock.catalog import Catalog
from penstock.catalog.schema import documents, releases
from penstock.leases import Lease
from penstock.sources import Cursor


def of_release(catalog: Catalog, index: str, number: int) -> dict[str, Cursor]:
    """Source → cursor; empty for release 0."""
    with catalog.read() as connection:
        return _read(connection, index, number)


def moved(
    connection: Connection, index: str, base: int, sources: Mapping[str, Mapping[str, Any]], deferred: Iterable[str]
) -> dict[str, Cursor]:
    """The cursors of release ``base``, with those of the readings that ended well in their place.

    ``sources`` says how each listing ended; ``deferred`` are the ids of documents that could not be fetched: the cursor
    of their source stays where it was, or they would not be named again.
    """
    held: set[str] = set()
    for batch in batched(deferred):
        held.update(
            connection.execute(select(documents.c.source).where(documents.c.id.in_(batch)).distinct()).scalars()
        )
    new = {name: state["cursor"] for name, state in sources.items() if "cursor" in state and name not in held}
    return {**_read(connection, index, base), **new}


def keep(catalog: Catalog, index: str, number: int, cursors: Mapping[str, Cursor], lease: Lease) -> None:
    """Note that all that was read since is in release ``number`` already."""
    with catalog.write() as connection:
        leases.check(connection, catalog, lease)
        if _read(connection, index, number) != cursors:
            connection.execute(
                update(releases)
                .where(releases.c.index_name == index, releases.c.number == number)
                .values(cursors=dict(cursors))
            )


def _read(connection: Connection, index: str, number: int) -> dict[str, Cursor]:
    query = select(releases.c.cursors).where(releases.c.index_name == index, releases.c.number == number)
    return dict(connection.execute(query).scalar() or {})
