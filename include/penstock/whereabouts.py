"""Which store an index lives in: the configured one, unless the catalog knows that it was moved.

A move is a run like others, and its row says where from and where to. While configuration and catalog name different
stores no run may write: what it wrote into one of them the other would lack, and be served some day.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from penstock import manifest
from penstock.catalog.schema import runs
from penstock.errors import ConfigError, StoreError
from penstock.platform import Platform
from penstock.settings import WEAVIATE

MOVE, DROP = "move", "drop-moved"
MOVING = (MOVE, DROP)
DONE = "unchanged"
"""The state of a run that ended well and published nothing."""


def last_move(
    connection: Connection, index: str, kinds: tuple[str, ...] = (MOVE,)
) -> tuple[str, dict[str, Any]] | None:
    """Kind and options of the newest finished move of the index, or of its dropping where ``kinds`` name that too."""
    query = select(runs.c.kind, runs.c.options).where(
        runs.c.index_name == index, runs.c.kind.in_(kinds), runs.c.state == DONE
    )
    row = connection.execute(query.order_by(runs.c.id.desc()).limit(1)).one_or_none()
    return (row.kind, dict(row.options)) if row else None


def undropped(platform: Platform) -> dict[str, str]:
    """Indexes of which a store still holds the copy that they were moved from, with that store's address."""
    found = {}
    with platform.catalog.read() as connection:
        for index in platform.settings.indexes:
            if (last := last_move(connection, index, MOVING)) and last[0] == MOVE:
                found[index] = str(last[1]["from"])
    return found


def require_here(platform: Platform, max_age_s: float = 0.0) -> None:
    """Raise ``ConfigError`` where an index was moved to another store than the configured one.

    Asks the catalog only where it did not within ``max_age_s``.
    """
    if time.monotonic() < platform.found_here_at + max_age_s:
        return
    here = address(platform.settings.index_url)
    with platform.catalog.read() as connection:
        for index in platform.settings.indexes:
            last = last_move(connection, index)
            if last and last[1]["to"] != here:
                raise ConfigError(
                    f"{platform.settings.file}: store.index is {here!r}, but index {index!r} was moved to "
                    f"{last[1]['to']!r}; set store.index to that and move the other indexes too, or move {index!r} "
                    f"back (`penstock move {index} --from {last[1]['to']} --to {here}`)"
                )
    platform.found_here_at = time.monotonic()


def require_whole(platform: Platform, index: str) -> None:
    """Raise ``StoreError`` where the configured store lacks a collection that kept releases of the index live in."""
    with platform.catalog.read() as connection:
        wanted = {row.generation for row in manifest.kept_and_pending(connection, index)}
        names = {one: str(manifest.generation_row(connection, index, one).collection) for one in sorted(wanted)}
        serving = manifest.serving(connection, index)
    for number, name in names.items():
        if not platform.stands(name):
            here = address(platform.settings.index_url)
            raise StoreError(
                f"the store {here!r} has no collection {name!r}, which releases of {index!r} live in. If store.index "
                f"was changed, `penstock move {index} --from OLD --to {here}` brings it; if it is lost, "
                f"{remedy(index, number == serving)}"
            )


def remedy(index: str, serving: bool) -> str:
    """What to do about a lost collection. What lived in it besides the live release cannot be had again."""
    prune = f"`penstock prune {index} --keep 1`"
    return f"run `penstock reindex {index}`, then {prune}" if serving else f"run {prune}"


def address(url: str) -> str:
    """One spelling of a store's address, so that two can be compared."""
    if url == WEAVIATE or ("://" in url and not url.startswith("file://")):
        return url.rstrip("/")
    return str(Path(url.removeprefix("file://")).expanduser().resolve())
