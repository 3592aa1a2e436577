"""The files of a Lance table, where erasure must answer for bytes that the table itself no longer knows of.

A write that was killed leaves files that no version names. Lance keeps them for seven days, since it cannot tell them
from a write that is under way.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import TransientError
from penstock.old_versions import delete_old_versions

if TYPE_CHECKING:
    from obstore.store import ObjectStore

UNDER_WAY_S = 60.0
"""A file younger than this may belong to a write under way: between a file and its commit lie seconds."""
HOLDS_CONTENT = ("data/", "_indices/")


class TableFiles:
    """Data and search structures of one table at ``url``, by path below it."""

    def __init__(self, url: str, collection: str) -> None:
        self.store_url = url.rstrip("/")
        self.url = f"{self.store_url}/{collection}.lance"

    def ages(self) -> dict[str, float]:
        """Path and age in seconds of each file."""
        now = datetime.now(UTC)
        return {
            meta["path"]: (now - meta["last_modified"]).total_seconds()
            for folder in HOLDS_CONTENT
            for page in self._store.list(prefix=folder)
            for meta in page
        }

    def sweep(self, before: dict[str, float]) -> None:
        """Delete what is left of the files listed ``before`` every row was moved to new ones and old versions dropped.

        Raises ``TransientError`` where one of them may belong to a write that is under way.
        """
        left = sorted(before.keys() & self.ages().keys())
        young = [before[path] for path in left if before[path] < UNDER_WAY_S]
        if young:
            raise TransientError(
                f"{len(young)} files of unfinished writes are at most {UNDER_WAY_S:.0f} s old, the youngest "
                f"{min(young):.0f} s; they may belong to a write under way, erase again in a minute"
            )
        if left:
            self._store.delete(left)
        delete_old_versions(self.store_url)  # of dropped collections too: nothing but this place still names them

    @cached_property
    def _store(self) -> ObjectStore:
        from obstore.store import LocalStore, from_url

        if self.url.startswith("s3://"):
            return from_url(self.url, client_options={"allow_http": True})
        return LocalStore(Path(self.url.removeprefix("file://")), mkdir=True)
