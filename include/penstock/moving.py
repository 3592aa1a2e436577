"""Move an index from one store to another with no re-embedding: copy, compare, and only then say where it lives.

Nobody writes any index meanwhile, and readers go on in the old store. It holds the same rows until it is dropped, so a
reader that learns of the move late reads nothing stale.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from penstock import manifest, runs, whereabouts, wording
from penstock.batching import batched
from penstock.catalog.schema import generations
from penstock.errors import StoreError, UsageError
from penstock.graves import graves
from penstock.ids import EMPTY_DIGEST, digest_add, hash_of
from penstock.index.base import VectorIndex
from penstock.platform import Platform
from penstock.records import IndexRow
from penstock.whereabouts import DROP, MOVE, address, last_move

ROWS_AT_ONCE = 2_000


def move(platform: Platform, index: str, to: str, from_: str | None = None, wait_s: float = 0.0) -> dict[str, Any]:
    """Copy every generation that kept releases live in, as they see it, and record where the index lives now.

    ``to`` and ``from_`` are addresses as ``store.index`` takes them; ``from_`` is the configured store unless given.
    Killed, it may be run again: it begins anew. Raises ``StoreError`` where what it would copy, or what it copied, is
    not what the catalog says, by count or by digest.
    """
    platform.settings.index(index)
    source, target = (address(platform.settings.index_at(one)) for one in (from_ or platform.settings.index_url, to))
    if source == target:
        raise UsageError(f"--to {target} is where {index!r} would be moved from; name another store")
    left = whereabouts.undropped(platform).get(index)
    if left not in (None, target):
        raise UsageError(f"{left} still holds what {index!r} was moved from; `penstock move {index} --drop-old` first")
    options, message = {"from": source, "to": target}, f"moved from {source} to {target}"
    with runs.all_leases(platform, MOVE, options, wait_s, message, only=index) as (run,):
        with platform.catalog.read() as connection:
            last = last_move(connection, index)
            live, _ = manifest.pointer(connection, index)
        if last and last[1]["to"] == target:
            raise UsageError(f"index {index!r} was moved to {target!r} already; set store.index to that")
        moved: dict[str, Any] = {
            "index": index,
            "from": source,
            "to": target,
            "collections": 0,
            "rows": 0,
            "releases": 0,
        }
        for generation, numbers in _generations(platform, index):
            old = platform.collection_at(source, generation.collection)
            new = platform.collection_at(target, generation.collection)
            moved["rows"] += _copy(platform, generation, numbers, old, new)
            moved["collections"] += 1
            moved["releases"] += len(numbers)
            if live in [row.number for row in numbers]:
                new.name_live(index)
        run.counts.update(collections=moved["collections"], rows=moved["rows"], releases=moved["releases"])
    return moved


def drop_moved(platform: Platform, index: str, wait_s: float = 0.0) -> dict[str, Any]:
    """Delete what an index was moved from. Raises ``UsageError`` where the new store is not the configured one yet."""
    platform.settings.index(index)
    whereabouts.require_here(platform)
    source = whereabouts.undropped(platform).get(index)
    if source is None:
        raise UsageError(f"index {index!r} was not moved, or what it was moved from was dropped already")
    with runs.all_leases(platform, DROP, {"from": source}, wait_s, f"dropped from {source}", only=index) as (run,):
        with platform.catalog.read() as connection:
            names = list(
                connection.execute(select(generations.c.collection).where(generations.c.index_name == index)).scalars()
            )
        standing = [one for one in (platform.collection_at(source, name) for name in names) if one.exists()]
        for collection in standing:
            collection.drop()
        run.counts["collections"] = len(standing)
    return {"index": index, "from": source, "collections": len(standing)}


def _generations(platform: Platform, index: str) -> Iterator[tuple[Row[Any], list[Row[Any]]]]:
    """Each standing generation with the releases that it must still serve."""
    with platform.catalog.read() as connection:
        standing = manifest.standing(connection, index)
        kept = manifest.kept_and_pending(connection, index)
    for generation in standing:
        if numbers := [row for row in kept if row.generation == generation.number]:
            yield generation, numbers


def _copy(platform: Platform, generation: Row[Any], kept: list[Row[Any]], old: VectorIndex, new: VectorIndex) -> int:
    """Copy what the kept releases see, and compare every byte of it; return how many rows."""
    _require(kept, old)
    new.drop()  # of a move that was killed, or of one there and back
    new.create(generation.dimension, generation.recipe["fields"])
    writer = new.writer()
    numbers = [row.number for row in kept]
    copied, digest = 0, EMPTY_DIGEST
    for batch in batched(_seen(platform, old, numbers), ROWS_AT_ONCE):
        writer.add(batch)
        copied += len(batch)
        digest = digest_add(digest, [_everything(row) for row in batch])
    new.optimize()
    new.settle()
    found = EMPTY_DIGEST
    for batch in batched(new.rows(vectors=True), ROWS_AT_ONCE):
        found = digest_add(found, [_everything(row) for row in batch])
    if found != digest:
        raise StoreError(f"the copy of {generation.collection!r} differs from what was copied; the index did not move")
    _require(kept, new)
    return copied


def _seen(platform: Platform, old: VectorIndex, numbers: list[int]) -> Iterator[IndexRow]:
    """Rows that a kept release sees. What was erased is not brought back, should the old store still hold it."""
    erased = graves(platform).documents
    for row in old.rows(vectors=True):
        if row.document_id not in erased and any(row.added_in <= number < row.removed_in for number in numbers):
            yield row


def _require(kept: list[Row[Any]], collection: VectorIndex) -> None:
    """Raise ``StoreError`` where a release does not have the rows that the catalog counted and digested."""
    for row in kept:
        count, digest = 0, EMPTY_DIGEST
        for batch in batched(collection.rows(row.number), ROWS_AT_ONCE):
            count += len(batch)
            digest = digest_add(digest, [one.id for one in batch])
        if (count, digest) != (row.chunks, row.digest):
            raise StoreError(
                f"release {row.number} of {row.index_name!r} has {wording.count(count, 'row')} of digest "
                f"{digest[:12]}, the catalog says {row.chunks} of {row.digest[:12]}; the index did not move. "
                f"Run `penstock verify {row.index_name}`"
            )


def _everything(row: IndexRow) -> str:
    """Hash of a whole row, as stored."""
    return hash_of(
        row.id,
        row.document_id,
        row.source,
        row.key,
        row.title,
        row.text,
        "\x1f".join(row.headings),
        row.kind,
        row.content,
        "\x1f".join(f"{name}={value}" for name, value in sorted(row.fields.items())),
        "\x1f".join(row.principals),
        f"{row.nth} {row.added_in} {row.removed_in}",
        struct.pack(f"<{len(row.vector)}f", *row.vector).hex(),
    )
