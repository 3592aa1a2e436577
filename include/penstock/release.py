"""Publish, hold, roll back, approve, reject: what moves the one pointer that readers follow.

Each is one transaction that checks the release's state while it changes it, so of two people the first decides and the
other is told who did. None of them depends on the size of the index.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select, update

from penstock import champions, decisions, leases, manifest, quality
from penstock.catalog import Catalog, insert_or_update
from penstock.catalog.schema import decisions as decisions_table
from penstock.catalog.schema import pointers, releases
from penstock.decisions import Who
from penstock.errors import AccountingError, RefusedError, StoreError, TransientError, UsageError
from penstock.index import knows_names
from penstock.index.base import VectorIndex
from penstock.leases import Lease
from penstock.platform import Platform

PROMOTION = "promotion"
"""The gate of a release that a challenger built: no person's approval passes it, only its promotion."""

log = structlog.get_logger("penstock")


@dataclass(frozen=True, slots=True)
class Moved:
    """What a decision did: the live release before and after, and one sentence for a person."""

    index: str
    before: int | None
    live: int | None
    message: str


def settle(platform: Platform, index: str, number: int, lease: Lease) -> str:
    """End a staging: publish where every kept gate passed, hold where the index is on hold, else wait for a person.

    Returns the release's new state. Raises ``AccountingError`` where catalog, manifest and store differ, and
    ``LeaseLostError`` where another writer has the index, and with it the number, now.
    """
    reconcile(platform, index, number)
    catalog = platform.catalog
    with catalog.write() as connection:
        leases.check(connection, catalog, lease)
        _, on_hold = manifest.pointer(connection, index)
        passed = quality.passed(quality.verdicts(connection, index, number))
        state = manifest.WAITING if not passed else manifest.HELD if on_hold else manifest.PUBLISHED
        advance(connection, catalog, index, number, (manifest.STAGING,), state)
        if state == manifest.PUBLISHED:
            point(connection, catalog, index, number)
    if state == manifest.PUBLISHED:
        name_live(platform, index)
    return state


def approve(platform: Platform, index: str, number: int, who: Who, why: str) -> Moved:
    """Publish a release that waits, by a person's word; it also ends a hold.

    Raises ``RefusedError`` naming who decided before, or what superseded it, or where it waits for the promotion of the
    model that embedded it; ``UsageError`` for a blank reason.
    """
    why = decisions.reasoned(why)
    catalog = platform.catalog
    with catalog.read() as connection:
        _still_pending(connection, index, number)
        _not_a_challengers(connection, index, number)
    reconcile(platform, index, number)
    with catalog.write() as connection:
        before, _ = manifest.pointer(connection, index)
        _still_pending(connection, index, number)
        advance(connection, catalog, index, number, manifest.PENDING, manifest.PUBLISHED)
        point(connection, catalog, index, number, on_hold=False)
        decisions.record(connection, catalog, who, "approve", why, index, number)
    name_live(platform, index)
    return Moved(index, before, number, f"release {number} of {index} is live, approved by {who.name}")


def reject(platform: Platform, index: str, number: int, who: Who, why: str) -> Moved:
    """Refuse a release that waits. Its rows are cleared away by the next staging; nobody ever saw them."""
    from penstock.staging import undo_entries

    why = decisions.reasoned(why)
    catalog = platform.catalog
    with catalog.write() as connection:
        manifest.release_row(connection, index, number)
        live, _ = manifest.pointer(connection, index)
        _still_pending(connection, index, number)
        advance(connection, catalog, index, number, manifest.PENDING, manifest.REJECTED)
        undo_entries(connection, index, number)
        decisions.record(connection, catalog, who, "reject", why, index, number)
    return Moved(index, live, live, f"release {number} of {index} is rejected; release {live or 'none'} stays live")


def rollback(platform: Platform, index: str, who: Who, why: str, to: int | None = None) -> Moved:
    """Make an earlier kept release live again, at once, and put the index on hold.

    ``to`` defaults to the newest kept release below the live one. Syncs go on staging and checking; they publish again
    after ``resume`` or an approval.
    """
    why = decisions.reasoned(why)
    catalog = platform.catalog
    with catalog.write() as connection:
        live, _ = manifest.pointer(connection, index)
        kept = _kept(connection, index)
        if live is None:
            raise UsageError(f"index {index!r} has no live release to roll back from")
        below = [number for number in kept if number < live]
        target = to if to is not None else max(below, default=None)
        if target is None:
            raise UsageError(f"release {live} is the oldest kept release of {index!r}; there is nothing to go back to")
        if target == live:
            raise UsageError(f"release {live} of {index!r} is live already; kept: {_listed(kept)}")
        if target > live:
            raise UsageError(f"release {target} of {index!r} is newer than the live one, {live}; `resume` goes forward")
        if target not in kept:
            manifest.release_row(connection, index, target)
            raise UsageError(f"release {target} of {index!r} cannot be read any more; kept: {_listed(kept)}")
        point(connection, catalog, index, target, on_hold=True)
        decisions.record(connection, catalog, who, "rollback", why, index, target)
    name_live(platform, index)
    return Moved(
        index, live, target, f"release {target} of {index} is live again; syncs publish nothing until `resume`"
    )


def resume(platform: Platform, index: str, who: Who, why: str) -> Moved:
    """End a hold and follow the newest release again: the one that was held back, else the newest kept."""
    why = decisions.reasoned(why)
    catalog = platform.catalog
    with catalog.read() as connection:
        held = manifest.pending(connection, index)
    if held is not None and held.state == manifest.HELD:
        reconcile(platform, index, held.number)
    with catalog.write() as connection:
        live, on_hold = manifest.pointer(connection, index)
        if not on_hold:
            raise UsageError(f"index {index!r} is not on hold; release {live or 'none'} is live")
        held = manifest.pending(connection, index)
        if held is not None and held.state == manifest.HELD:
            advance(connection, catalog, index, held.number, (manifest.HELD,), manifest.PUBLISHED)
        newest = manifest.head(connection, index)
        target = live if live and champions.demoted(connection, index, newest) else newest
        point(connection, catalog, index, target, on_hold=False)
        decisions.record(connection, catalog, who, "resume", why, index, target)
    name_live(platform, index)
    return Moved(index, live, target, f"release {target} of {index} is live; syncs publish again")


def follow_head(platform: Platform, index: str) -> int | None:
    """Point readers to the newest kept release, unless the index is on hold; return it where that moved them."""
    catalog = platform.catalog
    with catalog.write() as connection:
        live, on_hold = manifest.pointer(connection, index)
        newest = manifest.head(connection, index)
        moved = not on_hold and newest not in (0, live) and not champions.demoted(connection, index, newest)
        if moved:
            point(connection, catalog, index, newest)
    name_live(platform, index)
    return newest if moved else None


def name_live(platform: Platform, index: str) -> None:
    """Have the store's own name for the live release follow the pointer.

    The pointer decides and has moved: a store that cannot be told now is told by the next sync, and `verify` says so.
    """
    collection = _live_collection(platform, index)
    try:
        if collection is not None:
            collection.name_live(index)
    except (StoreError, TransientError) as error:
        log.warning("release.name", index=index, error=str(error))


def is_named_live(platform: Platform, index: str) -> bool:
    """Whether the store's own name for the live release leads where the pointer does."""
    collection = _live_collection(platform, index)
    return collection is None or not collection.exists() or collection.is_named_live(index)


def _live_collection(platform: Platform, index: str) -> VectorIndex | None:
    """Where the store's own name is to lead; ``None`` where nothing is live, or the store knows no names."""
    if not knows_names(platform.settings.index_url):
        return None
    with platform.catalog.read() as connection:
        generation = manifest.serving(connection, index)
        if generation is None:
            return None
        return platform.collection(str(manifest.generation_row(connection, index, generation).collection))


def reconcile(platform: Platform, index: str, number: int) -> None:
    """Count catalog, manifest and store against one another, from aggregates, once every search finds what was written.

    Raises ``AccountingError`` with every figure where they differ.
    """
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
        indexed, quarantined, chunks = manifest.totals_from_base(connection, index, number)
        collection = platform.collection(str(manifest.generation_row(connection, index, row.generation).collection))
    collection.settle()
    added, removed = collection.staged(number)
    figures = {
        "documents": (row.documents, indexed),
        "quarantined": (row.quarantined, quarantined),
        "chunks": (row.chunks, chunks),
        "rows": (chunks, collection.count(number)),
        "rows added": (row.rows_added, added),
        "rows removed": (row.rows_removed, removed),
    }
    wrong = [f"{name}: {a} ≠ {b}" for name, (a, b) in figures.items() if a != b]
    if wrong:
        raise AccountingError(
            f"release {number} of {index!r} does not add up ({'; '.join(wrong)}); it is not published. "
            f"Run `penstock sync {index}` again; if it stays so, `penstock verify {index}`"
        )


def _still_pending(connection: Connection, index: str, number: int) -> None:
    row = manifest.release_row(connection, index, number)
    if row.state in manifest.PENDING:
        return
    decided = connection.execute(
        select(decisions_table)
        .where(decisions_table.c.index_name == index, decisions_table.c.release == number)
        .where(decisions_table.c.what.in_(("approve", "reject")))
        .order_by(decisions_table.c.id)
    ).first()
    if decided is not None:
        raise RefusedError(
            f"release {number} of {index!r} was decided before: {decided.what} by {decided.who} ({decided.why})"
        )
    if row.state == manifest.SUPERSEDED:
        raise RefusedError(f"release {number} of {index!r} was superseded by a newer sync and cannot be approved")
    raise RefusedError(f"release {number} of {index!r} is {row.state}; only a release that waits can be decided")


def _not_a_challengers(connection: Connection, index: str, number: int) -> None:
    if any(gate.name == PROMOTION for gate in quality.verdicts(connection, index, number)):
        model = champions.trained_embedder(connection, index, number)
        raise RefusedError(
            f"release {number} of {index!r} was built by the challenger {model}; only "
            f"`penstock promote {index} {model} --why …` publishes it, together with the model"
        )


def advance(
    connection: Connection, catalog: Catalog, index: str, number: int, before: tuple[str, ...], after: str
) -> None:
    published = {"published_at": catalog.now(connection)} if after == manifest.PUBLISHED else {}
    moved = connection.execute(
        update(releases)
        .where(releases.c.index_name == index, releases.c.number == number, releases.c.state.in_(before))
        .values(state=after, **published)
    )
    if moved.rowcount != 1:
        raise RefusedError(f"release {number} of {index!r} is no longer {' or '.join(before)}: somebody was faster")


def point(
    connection: Connection,
    catalog: Catalog,
    index: str,
    live: int,
    on_hold: bool | None = None,
    models: champions.Models | None = None,
) -> None:
    """Lead readers to a release and the models that go with it; ``models`` are today's champions where it is None."""
    values = {
        "index_name": index,
        "live": live,
        "on_hold": bool(on_hold),
        "moved_at": catalog.now(connection),
        "models": champions.beside(connection, index, live, models),
    }
    changing = ["live", "moved_at", "models"] + (["on_hold"] if on_hold is not None else [])
    insert_or_update(connection, pointers, [values], changing)


def _kept(connection: Connection, index: str) -> list[int]:
    query = select(releases.c.number).where(releases.c.index_name == index, releases.c.state.in_(manifest.KEPT))
    return sorted(connection.execute(query).scalars())


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
