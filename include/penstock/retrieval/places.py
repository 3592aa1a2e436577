"""Where rows stand in their documents: exact spans, and the passages that hold them.

The manifest is asked after the store, each time: what was erased meanwhile is left out, whatever a cache still holds.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.catalog.schema import documents, entries
from penstock.errors import StoreError
from penstock.platform import Platform
from penstock.records import Chunk, IndexRow, Parsed

_served_in = and_(
    entries.c.document_id == documents.c.id, manifest.in_release(bindparam("index"), bindparam("release"))
)
_SERVED: Select[Any] = (  # built once: building costs as much as asking
    select(documents.c.id, documents.c.erased_at, entries.c.revision, entries.c.parse_key, entries.c.chunks_key)
    .select_from(documents.outerjoin(entries, _served_in))
    .where(documents.c.id.in_(bindparam("ids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's text stands in its document, as of one release: ``chunks[nth]`` of all of the document's."""

    revision: str
    chunks: Sequence[Chunk]
    nth: int
    parse_key: str

    @property
    def start(self) -> int:
        return self.chunks[self.nth].start

    @property
    def end(self) -> int:
        return self.chunks[self.nth].end

    @property
    def page(self) -> int | None:
        return self.chunks[self.nth].page


def locate(platform: Platform, index: str, release: int, rows: Sequence[IndexRow]) -> list[Place | None]:
    """Find each row's exact span in the revision that ``release`` serves; None where its document was erased just now.

    Raises ``StoreError`` where a row is in the store and its document not in the manifest: `verify` then says more.
    """
    known = _entries(platform, index, release, {row.document_id for row in rows})
    return [_place(platform, index, release, row, known.get(row.document_id)) for row in rows]


def _place(platform: Platform, index: str, release: int, row: IndexRow, entry: Row[Any] | None) -> Place | None:
    if entry is not None and entry.erased_at is not None:
        return None
    if entry is None or entry.chunks_key is None:
        raise StoreError(f"row {row.id} belongs to no document of release {release}; run `penstock verify {index}`")
    chunks, nth = platform.artefacts.chunks(entry.chunks_key)
    try:
        at = nth[row.text, row.kind, row.headings, row.nth]
    except KeyError:
        raise StoreError(f"row {row.id} has no chunk in its document; run `penstock verify {index}`") from None
    return Place(entry.revision, chunks, at, entry.parse_key)


def _entries(platform: Platform, index: str, release: int, ids: Collection[str]) -> dict[str, Row[Any]]:
    """By id: what the release's manifest names of each document, and when it was erased, if it was."""
    with platform.catalog.read() as connection:
        rows = connection.execute(_SERVED, {"index": index, "release": release, "ids": list(ids)})
        return {row.id: row for row in rows}


class Served(NamedTuple):
    """What a release serves of a document: its revision, and what was parsed of it. Spans point into ``text``."""

    revision: str
    parsed: Parsed
    text: str


def served(platform: Platform, index: str, release: int, document_ids: Collection[str]) -> dict[str, Served]:
    """By id: the documents as ``release`` serves them; one that it does not serve (any more) is left out."""
    found: dict[str, Served] = {}
    for id_, entry in _entries(platform, index, release, document_ids).items():
        if entry.parse_key is not None and entry.erased_at is None:
            kept = platform.artefacts.parsed(entry.parse_key)
            found[id_] = Served(entry.revision, kept.parsed, kept.text)
    return found


def parsed_text(platform: Platform, parse_key: str) -> str:
    """The text that spans of a revision point into, of a key that was just read in the manifest."""
    return platform.artefacts.parsed(parse_key).text
