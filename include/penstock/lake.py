"""The lake: bytes and derived artefacts under names derived from their content, on a folder or a bucket.

Objects are written whole and never changed, so writing one twice is harmless and a reader sees all of it or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import ConfigError, StoreError
from penstock.ids import sha256
from penstock.lake_errors import MissingObjectError, explain, remedy
from penstock.old_versions import delete_old_versions

if TYPE_CHECKING:
    from obstore import Bytes
    from obstore.store import ObjectStore


class Kind(StrEnum):
    """The folders of the lake."""

    BYTES = "bytes"
    PARSED = "parsed"
    CHUNKS = "chunks"
    VECTORS = "vectors"
    REPORTS = "reports"
    """Raw results of gates: figures and row ids, no text."""
    EVALUATIONS = "evaluations"
    """Questions that were asked of an index, and what each of them found, as Parquet."""
    TRAINING = "training"
    """Training sets, as Parquet."""
    MODELS = "models"
    """Files of models that were trained."""
    WORK = "work"
    """Hand-over between the tasks of one run; deleted when it ends."""


class AlteredObjectError(StoreError):
    """The lake holds something else under the object's name."""


SEALED = (Kind.PARSED, Kind.CHUNKS)
"""Kinds whose name says what they were made from and not what they are: a checksum goes before their bytes."""
SEAL = b"penstock-sha256:"
PIECE_BYTES = 128 * 1024
"""Small enough for memory that is there already: new pages for a model of 87 MB took as long as its SHA-256."""
NAMED_BY_CONTENT = (Kind.BYTES, Kind.VECTORS, Kind.EVALUATIONS, Kind.TRAINING, Kind.MODELS)


class Lake:
    """``url`` is a folder or ``s3://bucket/prefix`` (credentials and endpoint from the standard AWS variables)."""

    def __init__(self, url: str, retries: int = 5) -> None:
        self.url = url
        self._folder = _folder(url)
        self._store = _open(url, retries)

    def put(self, kind: Kind, name: str, data: bytes) -> None:
        with _translated(self.url, kind, name):
            self._store.put(_path(kind, name), _sealed(data) if kind in SEALED else data)

    def put_bytes(self, data: bytes) -> str:
        """Keep a revision's bytes; return their SHA-256."""
        name = sha256(data)
        self.put(Kind.BYTES, name, data)  # also where it is there: that mends an object that was altered
        return name

    def get(self, kind: Kind, name: str) -> bytes:
        """Raises ``MissingObjectError`` or ``AlteredObjectError``."""
        with _translated(self.url, kind, name):
            data = self._read(_path(kind, name))
        if kind in SEALED:
            data, wanted = _unsealed(data)
        else:
            wanted = name if kind in NAMED_BY_CONTENT else ""
        if wanted:
            _require(kind, name, sha256(data), wanted)
        return data

    def check(self, kind: Kind, name: str) -> None:
        """Raise what ``get`` raises, without holding the object, which of a model may be gigabytes.

        For kinds that are named by their content.
        """
        digest = hashlib.sha256()
        with _translated(self.url, kind, name):
            for piece in self._pieces(_path(kind, name)):
                digest.update(piece)
        _require(kind, name, digest.hexdigest(), name)

    def _read(self, path: str) -> bytes:
        if self._folder is not None:  # a search reads some twenty files: by itself in a fifth of the client's time
            return (self._folder / path).read_bytes()
        return bytes(self._store.get(path).bytes())

    def _pieces(self, path: str) -> Iterator[bytes | Bytes]:
        if self._folder is None:
            yield from self._store.get(path).stream()
            return
        with (self._folder / path).open("rb", buffering=0) as file:
            while piece := file.read(PIECE_BYTES):
                yield piece

    def has(self, kind: Kind, name: str) -> bool:
        try:
            with _translated(self.url, kind, name):
                self._store.head(_path(kind, name))
        except MissingObjectError:
            return False
        return True

    def delete(self, kind: Kind, names: Iterable[str]) -> None:
        for name in names:
            with _translated(self.url, kind, name):
                if self.has(kind, name):
                    self._store.delete(_path(kind, name))

    def names(self, kind: Kind) -> Iterator[str]:
        for name, _age_s in self.ages(kind):
            yield name

    def ages(self, kind: Kind) -> Iterator[tuple[str, float]]:
        """Name and age in seconds of every object of a kind."""
        now = datetime.now(UTC)
        with _translated(self.url, kind, "*"):
            for page in self._store.list(prefix=kind.value):
                for meta in page:
                    yield meta["path"].split("/", 2)[2], (now - meta["last_modified"]).total_seconds()

    def delete_old_versions(self) -> int:
        """Delete what a bucket with versioning keeps of deleted objects; return how many versions that was."""
        return delete_old_versions(self.url)


def _require(kind: Kind, name: str, found: str, wanted: str) -> None:
    if found != wanted:
        path = _path(kind, name)
        raise AlteredObjectError(
            f"lake object {path} was altered: its SHA-256 is {found}, not {wanted}; {remedy(path)}"
        )


def _sealed(data: bytes) -> bytes:
    return SEAL + sha256(data).encode() + b"\n" + data


def _unsealed(data: bytes) -> tuple[bytes, str]:
    """The bytes and their SHA-256; blank where they were written before there were seals, or the seal is damaged."""
    head, _, rest = data.partition(b"\n")
    return (rest, head.removeprefix(SEAL).decode("latin-1")) if head.startswith(SEAL) else (data, "")


def _path(kind: Kind, name: str) -> str:
    return f"{kind.value}/{name[:2]}/{name}"


def _folder(url: str) -> Path | None:
    """The local folder that an address names, if it names one."""
    return Path(url.removeprefix("file://")) if "://" not in url or url.startswith("file://") else None


def _open(url: str, retries: int) -> ObjectStore:
    from obstore.store import LocalStore, from_url

    if (folder := _folder(url)) is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"store.lake: {folder} cannot be made: {error.strerror}; check home (or PENSTOCK_HOME)"
            ) from error
        return LocalStore(folder)
    if not url.startswith("s3://"):
        raise ConfigError(f"store.lake: {url!r} is neither a folder nor s3://bucket/prefix")
    if not url.removeprefix("s3://").strip("/"):
        raise ConfigError(f"store.lake: {url!r} names no bucket; write s3://bucket/prefix")
    return from_url(url, client_options={"allow_http": True}, retry_config={"max_retries": retries})


@contextmanager
def _translated(url: str, kind: Kind, name: str) -> Iterator[None]:
    """Turn the client's errors into ours, once."""
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, OSError) as error:
        raise explain(error, url, _path(kind, name)) from error
