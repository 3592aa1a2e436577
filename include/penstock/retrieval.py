"""Search a release: embed the question with its own embedder, let the store filter and rank, cite the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from penstock import chunking, manifest, whereabouts
from penstock.catalog.schema import documents, entries
from penstock.errors import StoreError, UnknownNameError, UsageError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import NOBODY, PUBLIC, IndexRow, Query
from penstock.settings import BUILT_IN_FIELDS
from penstock.staging import numbered

MAX_K = 1000
MODES = ("hybrid", "vector", "text")


@dataclass(frozen=True, slots=True)
class Citation:
    """One hit and the exact place that it came from.

    ``start`` and ``end`` are offsets in characters into the parsed text of ``revision`` (SHA-256 of the bytes).
    ``fields`` are the document's values of the fields that the index declares, such as its address.
    """

    chunk_id: str
    score: float
    text: str
    source: str
    key: str
    title: str
    headings: tuple[str, ...]
    page: int | None
    revision: str
    start: int
    end: int
    document_id: str
    fields: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one search returned, and the release that it was read from."""

    index: str
    release: int
    query: str
    hits: tuple[Citation, ...]

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "hits": [hit.to_dict() for hit in self.hits]}


def search(
    platform: Platform,
    index: str,
    text: str,
    as_of: int | None = None,
    principals: tuple[str, ...] = (),
    where: Mapping[str, str] | None = None,
    k: int = 10,
    mode: str = "hybrid",
) -> Answer:
    """Find the ``k`` best chunks of the live release, or of release ``as_of``.

    A reader sees what ``principals`` may see, and always what is public. Who may read is today's, whatever the release.
    Raises ``UsageError`` for a blank question, an unknown filter field or a release that cannot be read.
    """
    platform.settings.index(index)
    if not text.strip():
        raise UsageError("the question is blank; write some words to search for")
    if not 1 <= k <= MAX_K:
        raise UsageError(f"-k {k} will not do; it is between 1 and {MAX_K}")
    if mode not in MODES:
        raise UsageError(f"--mode {mode!r} will not do; it is one of {', '.join(MODES)}")
    if NOBODY in principals:
        raise UsageError(f"{NOBODY!r} is not a reader: it marks what no one may see")
    whereabouts.require_here(platform, max_age_s=1.0)
    with platform.catalog.read() as connection:
        row = manifest.readable(connection, index, as_of)
        generation = manifest.generation_row(connection, index, row.generation)
    recipe = Recipe.model_validate(generation.recipe).with_runtime_of(Recipe.of(platform.settings, index))
    _known_fields(where or {}, recipe)
    vector = platform.embedder(recipe.embedder).embed_query(text)
    query = Query(
        text=text,
        vector=vector.tolist(),
        release=row.number,
        principals=tuple(sorted({PUBLIC, *principals})),
        where=dict(where or {}),
        k=k,
        mode=mode,
    )
    hits = platform.collection(generation.collection).search(query)
    places = locate(platform, index, row.number, [hit.row for hit in hits])
    found = tuple(
        Citation(
            chunk_id=hit.row.id,
            score=hit.score,
            text=hit.row.text,
            source=hit.row.source,
            key=hit.row.key,
            title=hit.row.title,
            headings=tuple(hit.row.headings),
            page=place.page,
            revision=place.revision,
            start=place.start,
            end=place.end,
            document_id=hit.row.document_id,
            fields=dict(hit.row.fields),
        )
        for hit, place in zip(hits, places, strict=True)
    )
    return Answer(index, row.number, text, found)


def parse_where(conditions: Iterable[str]) -> dict[str, str]:
    """``["field=value"]`` → ``{"field": "value"}``. Raises ``UsageError`` for anything else, or a field named twice."""
    found: dict[str, str] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--where {condition!r} will not do; write FIELD=VALUE")
        if name.strip() in found:
            raise UsageError(f"--where names {name.strip()!r} twice; a field has one value")
        found[name.strip()] = value
    return found


def _known_fields(where: Mapping[str, str], recipe: Recipe) -> None:
    for name in where:
        if name not in (*BUILT_IN_FIELDS, *recipe.fields):
            raise UnknownNameError("field", name, (*BUILT_IN_FIELDS, *recipe.fields))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row's text stands in its document, as of one release."""

    revision: str
    start: int
    end: int
    page: int | None


def locate(platform: Platform, index: str, release: int, rows: list[IndexRow]) -> list[Place]:
    """Find each row's exact span in the revision that ``release`` serves.

    Raises ``StoreError`` where a row is in the store and its document not in the manifest: `verify` then says more.
    """
    ids = {row.document_id for row in rows}
    with platform.catalog.read() as connection:
        query = select(entries).where(manifest.in_release(index, release), entries.c.document_id.in_(ids))
        served = {entry.document_id: entry for entry in connection.execute(query)}
    places: dict[tuple[str, str, int], Place] = {}
    for row in {row.document_id: row for row in rows}.values():
        entry = served.get(row.document_id)
        if entry is None or entry.chunks_key is None:
            raise StoreError(f"row {row.id} belongs to no document of release {release}; run `penstock verify {index}`")
        chunks = chunking.from_json(platform.lake.get(Kind.CHUNKS, entry.chunks_key))
        for chunk, content, nth in numbered(chunks, row.title, row.fields):
            places[row.document_id, content, nth] = Place(entry.revision, chunk.start, chunk.end, chunk.page)
    try:
        return [places[row.document_id, row.content, row.nth] for row in rows]
    except KeyError as error:
        raise StoreError(f"row {error} has no chunk in its document; run `penstock verify {index}`") from None


def document_key(platform: Platform, document: str) -> str:
    """``source:key`` of a document, or a word on why it has none."""
    with platform.catalog.read() as connection:
        row = connection.execute(select(documents).where(documents.c.id == document)).one_or_none()
    if row is None:
        return f"unknown document {document}"
    return f"{row.source}:{row.key}" if row.key else f"erased document {document}"
