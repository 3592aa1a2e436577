"""The files of a Lance table, looked at without Lance: whether there is one, and what erasure must answer for.

A write that was killed leaves files that no version names. Lance keeps them for seven days, since it cannot tell them
from a write that is under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import TransientError
from penstock.index.lance_errors import explain
from penstock.old_versions import delete_old_versions

if TYPE_CHECKING:
    from obstore.store import ObjectStore

UNDER_WAY_S = 60.0
"""A file younger than this may belong to a write under way: between a file and its commit lie seconds."""
HOLDS_CONTENT = ("data/", "_indices/")
VERSION = ".manifest"


class TableFiles:
    """Data and search structures of one table at ``url``, by path below it. Errors are those of the index."""

    def __init__(self, url: str, collection: str) -> None:
        self.store_url = url.rstrip("/")
        self.url = f"{self.store_url}/{collection}.lance"
        self._collection = collection

    def stand(self) -> bool:
        """Whether there is a table: a version of one, which is what Lance looks for. Makes and opens nothing.

        Loading Lance takes seconds, and most runs find nothing to change.
        """
        with self._translated("look for"):
            return any(name.endswith(VERSION) for name in self._versions())

    def ages(self) -> dict[str, float]:
        """Path and age in seconds of each file."""
        now = datetime.now(UTC)
        with self._translated("list the files of"):
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
        with self._translated("delete files of"):
            if left:
                self._store.delete(left)
        delete_old_versions(self.store_url)  # of dropped collections too: nothing but this place still names them

    def _versions(self) -> Iterator[str]:
        if self._is_remote:
            yield from (meta["path"] for page in self._store.list(prefix="_versions/") for meta in page)
            return
        with suppress(FileNotFoundError):
            yield from (path.name for path in (self._folder / "_versions").iterdir())

    @property
    def _is_remote(self) -> bool:
        return self.url.startswith("s3://")

    @property
    def _folder(self) -> Path:
        return Path(self.url.removeprefix("file://"))

    @cached_property
    def _store(self) -> ObjectStore:
        from obstore.store import LocalStore, from_url

        if self._is_remote:
            return from_url(self.url, client_options={"allow_http": True})
        return LocalStore(self._folder, mkdir=True)

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            raise explain(error, action, self._collection, self.store_url) from error
