"""What each release consists of, and what stands where: the catalog's questions about releases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, func, select
from sqlalchemy.engine import Row

from penstock.catalog import Catalog
from penstock.catalog.schema import entries, generations, pointers, releases
from penstock.errors import NothingPublishedError, PrunedReleaseError, UnknownNameError, UnreadableReleaseError

STAGING, WAITING, HELD, PUBLISHED = "staging", "waiting", "held", "published"
REJECTED, SUPERSEDED, PRUNED = "rejected", "superseded", "pruned"
KEPT = (PUBLISHED,)
"""States whose rows readers may ask for, now or as of then."""
PENDING = (WAITING, HELD)
"""Staged whole, and waiting for a person or for the end of a hold."""


def in_release(index: str | BindParameter[str], number: int | BindParameter[int]) -> ColumnElement[bool]:
    """Entries of one release. Beside named documents it costs what these cost, not what the release holds.

    Nearly every entry satisfies the two ranges. SQLite, which keeps no statistics, believes that hardly any does and
    would walk their index instead of looking the documents up; ``+ 0`` keeps it off that index.
    """
    return and_(entries.c.index_name == index, entries.c.added_in + 0 <= number, entries.c.removed_in + 0 > number)


def head(connection: Connection, index: str) -> int:
    """The highest kept release, which the next delta is computed against; 0 where there is none."""
    query = select(func.max(releases.c.number)).where(releases.c.index_name == index, releases.c.state.in_(KEPT))
    return connection.execute(query).scalar() or 0


def pending(connection: Connection, index: str) -> Row[Any] | None:
    """The release that is staged and waits, if any; there is at most one."""
    query = select(releases).where(releases.c.index_name == index, releases.c.state.in_(PENDING))
    return connection.execute(query.order_by(releases.c.number.desc()).limit(1)).one_or_none()


def kept_and_pending(connection: Connection, index: str) -> list[Row[Any]]:
    """Releases that readers may ask for, or that wait to become so, by number: what a store must hold whole."""
    query = select(releases).where(releases.c.index_name == index, releases.c.state.in_((*KEPT, *PENDING)))
    return list(connection.execute(query.order_by(releases.c.number)))


def standing(connection: Connection, index: str | None = None) -> list[Row[Any]]:
    """Generations whose collection was not dropped, of one index or of all."""
    query = select(generations).where(generations.c.dropped_at.is_(None))
    return list(connection.execute(query if index is None else query.where(generations.c.index_name == index)))


def pointer(connection: Connection, index: str) -> tuple[int | None, bool]:
    """The live release, and whether the index is on hold."""
    row = connection.execute(select(pointers).where(pointers.c.index_name == index)).one_or_none()
    return (row.live, row.on_hold) if row else (None, False)


def champions(connection: Connection, index: str) -> dict[str, str]:
    """Purpose → id of the models that were trained here and serve the index."""
    return dict(connection.execute(select(pointers.c.models).where(pointers.c.index_name == index)).scalar() or {})


def release_row(connection: Connection, index: str, number: int) -> Row[Any]:
    """Raises ``UnknownNameError`` naming the releases that there are."""
    row = connection.execute(
        select(releases).where(releases.c.index_name == index, releases.c.number == number)
    ).one_or_none()
    if row is None:
        known = connection.execute(select(releases.c.number).where(releases.c.index_name == index)).scalars()
        raise UnknownNameError("release", str(number), [str(one) for one in known])
    return row


def generation_row(connection: Connection, index: str, number: int) -> Row[Any]:
    return connection.execute(
        select(generations).where(generations.c.index_name == index, generations.c.number == number)
    ).one()


def serving(connection: Connection, index: str) -> int | None:
    """Number of the generation that the live release lives in; ``None`` where nothing is live."""
    live, _ = pointer(connection, index)
    return None if live is None else int(release_row(connection, index, live).generation)


def readable(connection: Connection, index: str, as_of: int | None) -> Row[Any]:
    """The release that a reader gets: the live one, or a kept one by number.

    Raises ``NothingPublishedError``; ``UnreadableReleaseError`` where the release was never published,
    ``PrunedReleaseError`` where it is kept no more.
    """
    if as_of is None:
        live, _ = pointer(connection, index)
        if live is None:
            raise NothingPublishedError(f"index {index!r} has no published release yet; run `penstock sync {index}`")
        as_of = live
    row = release_row(connection, index, as_of)
    require_readable(row)
    return row


_MADE_BY = and_(generations.c.index_name == releases.c.index_name, generations.c.number == releases.c.generation)
_OPENED = (  # built once: building a statement costs as much as asking it
    select(releases, generations.c.collection, generations.c.recipe, generations.c.embedder, pointers.c.models)
    .join(generations, _MADE_BY)
    .outerjoin(pointers, pointers.c.index_name == releases.c.index_name)
    .where(releases.c.index_name == bindparam("index"))
)
_LIVE, _NUMBERED = (
    _OPENED.where(pointers.c.live == releases.c.number),
    _OPENED.where(releases.c.number == bindparam("number")),
)


def opened(connection: Connection, index: str, number: int | None) -> Row[Any]:
    """A release, the live one where no number is given, with collection, recipe and embedder of its generation,
    and the ``models`` that serve the index today.

    One statement, whatever the release's state. Raises ``UsageError`` or ``UnknownNameError`` where there is none.
    """
    query, names = (_LIVE, {"index": index}) if number is None else (_NUMBERED, {"index": index, "number": number})
    row = connection.execute(query, names).one_or_none()
    if row is None:  # what follows says why; or it was published just now
        there = readable(connection, index, None) if number is None else release_row(connection, index, number)
        row = connection.execute(_NUMBERED, {"index": index, "number": there.number}).one()
    return row


def require_readable(release: Row[Any]) -> None:
    """Raise ``UsageError`` for a release (a row of ``releases``) that readers may not, or no longer, ask for."""
    if release.state not in KEPT:
        number, index = release.number, release.index_name
        if release.state == PRUNED:
            raise PrunedReleaseError(f"release {number} of {index!r} is pruned; ask the live release (leave as_of out)")
        raise UnreadableReleaseError(
            f"release {number} of {index!r} is {release.state}; readers see only published releases"
        )


def collection_of(catalog: Catalog, index: str, generation: int) -> str:
    with catalog.read() as connection:
        return str(generation_row(connection, index, generation).collection)


Totals = tuple[int, int, int]
"""Documents indexed, documents quarantined, and chunks."""


def totals(connection: Connection, index: str, number: int) -> Totals:
    """What one release holds, counted over its whole manifest: for ``verify``."""
    return _totals(connection, in_release(index, number))


def totals_from_base(connection: Connection, index: str, number: int) -> Totals:
    """What one release holds: the totals kept for its base, and what it added and removed. Costs what it changed."""
    base = release_row(connection, index, number).base
    before = release_row(connection, index, base) if base else None
    kept = (before.documents, before.quarantined, before.chunks) if before else (0, 0, 0)
    added = _totals(connection, and_(entries.c.index_name == index, entries.c.added_in == number))
    removed = _totals(connection, and_(entries.c.index_name == index, entries.c.removed_in == number))
    indexed, quarantined, chunks = (k + a - r for k, a, r in zip(kept, added, removed, strict=True))
    return indexed, quarantined, chunks


def _totals(connection: Connection, which: ColumnElement[bool]) -> Totals:
    row = connection.execute(
        select(
            func.count().filter(entries.c.reason.is_(None)),
            func.count().filter(entries.c.reason.is_not(None)),
            func.coalesce(func.sum(entries.c.chunks), 0),
        ).where(which)
    ).one()
    return int(row[0]), int(row[1]), int(row[2])
