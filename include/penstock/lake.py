"""The lake: bytes and derived artefacts under names derived from their content, on a folder or a bucket.

Objects are written whole and never changed, so writing one twice is harmless and a reader sees all of it or nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import ConfigError, StoreError, TransientError
from penstock.ids import sha256

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class Kind(StrEnum):
    """The folders of the lake."""

    BYTES = "bytes"
    PARSED = "parsed"
    CHUNKS = "chunks"
    VECTORS = "vectors"
    REPORTS = "reports"
    """Raw results of gates: figures and row ids, no text."""
    WORK = "work"
    """Hand-over between the tasks of one run; deleted when it ends."""


class Lake:
    """``url`` is a folder or ``s3://bucket/prefix`` (credentials and endpoint from the standard AWS variables)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_local = "://" not in url or url.startswith("file://")
        self._store = _open(url)

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        with _translated(self.url, kind, name):
            self._store.put(_path(kind, name), data)

    def put_bytes(self, data: bytes) -> str:
        """Keep a revision's bytes; return their SHA-256."""
        name = sha256(data)
        if not self.has(Kind.BYTES, name):
            self.put(Kind.BYTES, name, data)
        return name

    def get(self, kind: Kind, name: str) -> bytes:
        """Raises ``StoreError`` where the object is missing or, for bytes, altered."""
        with _translated(self.url, kind, name):
            data = bytes(self._store.get(_path(kind, name)).bytes())
        if kind is Kind.BYTES and sha256(data) != name:
            raise StoreError(f"lake object {_path(kind, name)} was altered: its SHA-256 is {sha256(data)}; run a sync")
        return data

    def has(self, kind: Kind, name: str) -> bool:
        from obstore.exceptions import NotFoundError

        try:
            with _translated(self.url, kind, name):
                self._store.head(_path(kind, name))
        except StoreError as error:
            if isinstance(error.__cause__, NotFoundError | FileNotFoundError):
                return False
            raise
        return True

    def delete(self, kind: Kind, names: Iterable[str]) -> None:
        for name in names:
            with _translated(self.url, kind, name):
                if self.has(kind, name):
                    self._store.delete(_path(kind, name))

    def names(self, kind: Kind) -> Iterator[str]:
        with _translated(self.url, kind, "*"):
            for page in self._store.list(prefix=kind.value):
                for meta in page:
                    yield meta["path"].split("/", 2)[2]


def _path(kind: Kind, name: str) -> str:
    return f"{kind.value}/{name[:2]}/{name}"


def _open(url: str) -> ObjectStore:
    from obstore.store import LocalStore, from_url

    if "://" not in url or url.startswith("file://"):
        folder = Path(url.removeprefix("file://"))
        folder.mkdir(parents=True, exist_ok=True)
        return LocalStore(folder)
    if not url.startswith("s3://"):
        raise ConfigError(f"store.lake: {url!r} is neither a folder nor s3://bucket/prefix")
    return from_url(url, client_options={"allow_http": True})


class _translated:  # noqa: N801 - reads as a statement
    """Turn the client's errors into ours, once."""

    def __init__(self, url: str, kind: Kind, name: str) -> None:
        self.url, self.path = url, _path(kind, name)

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        from obstore.exceptions import BaseError, NotFoundError

        if isinstance(error, NotFoundError | FileNotFoundError):
            raise StoreError(f"lake object {self.path} is missing from {self.url}; run a sync") from error
        if isinstance(error, PermissionError):
            raise StoreError(f"no permission for {self.path} in {self.url}: {error}") from error
        if isinstance(error, BaseError | OSError):
            raise TransientError(f"the lake at {self.url} failed on {self.path}: {error}") from error
