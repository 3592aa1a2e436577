"""Where rows stand in their documents: exact spans, and the passages that hold them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Row

from penstock import chunking, manifest, parsing
from penstock.catalog.schema import entries
from penstock.errors import StoreError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.records import Chunk, IndexRow, Parsed
from penstock.staging import numbered


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


def locate(platform: Platform, index: str, release: int, rows: Sequence[IndexRow]) -> list[Place]:
    """Find each row's exact span in the revision that ``release`` serves.

    Raises ``StoreError`` where a row is in the store and its document not in the manifest: `verify` then says more.
    """
    served = _entries(platform, index, release, {row.document_id for row in rows})
    places: dict[tuple[str, str, int], Place] = {}
    for row in {row.document_id: row for row in rows}.values():
        entry = served.get(row.document_id)
        if entry is None or entry.chunks_key is None:
            raise StoreError(f"row {row.id} belongs to no document of release {release}; run `penstock verify {index}`")
        chunks = chunking.from_json(platform.lake.get(Kind.CHUNKS, entry.chunks_key))
        for at, (_, content, nth) in enumerate(numbered(chunks, row.title, row.fields)):
            places[row.document_id, content, nth] = Place(entry.revision, chunks, at, entry.parse_key)
    try:
        return [places[row.document_id, row.content, row.nth] for row in rows]
    except KeyError as error:
        raise StoreError(f"row {error} has no chunk in its document; run `penstock verify {index}`") from None


def _entries(platform: Platform, index: str, release: int, ids: set[str]) -> dict[str, Row[Any]]:
    with platform.catalog.read() as connection:
        query = select(entries).where(manifest.in_release(index, release), entries.c.document_id.in_(ids))
        return {entry.document_id: entry for entry in connection.execute(query)}


class Served(NamedTuple):
    """What a release serves of a document: its revision, and what was parsed of it. Spans point into ``text``."""

    revision: str
    parsed: Parsed
    text: str


def served(platform: Platform, index: str, release: int, document_ids: Collection[str]) -> dict[str, Served]:
    """By id: the documents as ``release`` serves them; one that it does not serve (any more) is left out."""
    found: dict[str, Served] = {}
    for id_, entry in _entries(platform, index, release, set(document_ids)).items():
        if entry.parse_key is not None:
            parsed = parsing.from_json(platform.lake.get(Kind.PARSED, entry.parse_key))
            found[id_] = Served(entry.revision, parsed, parsed.text)
    return found


def parsed_text(platform: Platform, parse_key: str) -> str:
    """The text that spans of a revision point into."""
    return parsing.from_json(platform.lake.get(Kind.PARSED, parse_key)).text
