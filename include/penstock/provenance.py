"""What became of one document, and where one chunk came from; which documents wait, and why. Reads only."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Row

from penstock import chunking, manifest, wording
from penstock.catalog.schema import (
    chunkings,
    documents,
    entries,
    models,
    parses,
    releases,
    revisions,
    training_sets,
    training_sources,
)
from penstock.embedding.cache import VectorCache, text_hash
from penstock.errors import UnknownNameError, UsageError
from penstock.ids import document_id
from penstock.inspection import when
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import NOBODY, OPEN_END, IndexRow


def find_document(platform: Platform, source: str, key: str) -> Row[Any]:
    """A document by its source and key, erased ones too. Raises ``UnknownNameError`` naming the near keys."""
    with platform.catalog.read() as connection:
        row = connection.execute(select(documents).where(documents.c.id == document_id(source, key))).one_or_none()
        if row is not None:
            return row
        names = connection.execute(select(documents.c.source).distinct()).scalars().all()
        if source not in names:
            raise UnknownNameError("source", source, {*names, *platform.settings.sources})
        keys = connection.execute(
            select(documents.c.key).where(documents.c.source == source, documents.c.key.is_not(None)).limit(20_000)
        ).scalars()
        raise UnknownNameError(f"document of {source!r}:", key, [one for one in keys if one])


def explain(platform: Platform, source: str, key: str) -> dict[str, Any]:
    """Why a document is or is not served, and its whole history, in plain sentences."""
    row = find_document(platform, source, key)
    with platform.catalog.read() as connection:
        found = connection.execute(
            select(entries).where(entries.c.document_id == row.id).order_by(entries.c.index_name, entries.c.added_in)
        ).all()
        seen = connection.execute(
            select(revisions).where(revisions.c.document_id == row.id).order_by(revisions.c.fetched_at)
        ).all()
        lives = {name: manifest.pointer(connection, name) for name in {one.index_name for one in found}}
        taught = _taught(connection, row.id)
    sentences = [_fetch_sentence(one) for one in seen]
    for one in found:
        sentences.append(_entry_sentence(one))
    sentences += taught
    return {
        "source": source,
        "key": key,
        "document_id": row.id,
        "principals": json.loads(row.principals),
        "verdict": [_verdict(row, name, found, *lives[name]) for name in lives] or [_unserved(row, seen)],
        "history": sentences,
        "revisions": [one.sha256 for one in seen],
    }


def _taught(connection: Connection, document: str) -> list[str]:
    """Which training sets hold examples of a document, and which models were trained on those: a sentence each."""
    query = (
        select(training_sets.c.id, training_sets.c.index_name, training_sets.c.purpose, func.count().label("examples"))
        .join(training_sources, training_sources.c.set_id == training_sets.c.id)
        .where(training_sources.c.kind == "document", training_sources.c.ref == document)
        .group_by(training_sets.c.id, training_sets.c.index_name, training_sets.c.purpose, training_sets.c.at)
        .order_by(training_sets.c.at, training_sets.c.id)
    )
    said = []
    for one in connection.execute(query).all():
        names = connection.execute(select(models.c.id).where(models.c.set_id == one.id).order_by(models.c.at)).scalars()
        trained = f", on which {', '.join(found)} was trained" if (found := list(names)) else ""
        examples = wording.count(one.examples, "example")
        said.append(f"{one.index_name}: in {examples} of training set {one.id} for {one.purpose}{trained}.")
    return said


def _unserved(row: Row[Any], seen: Any) -> str:
    if row.erased_at:
        return f"Not served: it was erased {when(row.erased_at)}, and a tombstone keeps it out."
    if row.problem:
        return f"Not served: {row.problem['detail']}. {row.problem['remedy'].capitalize()}."
    return "Not served: it was looked at, and no release has taken it in yet." if seen else "Not served: never fetched."


def _verdict(row: Row[Any], index: str, found: Any, live: int | None, on_hold: bool) -> str:
    if row.erased_at:
        return _unserved(row, ())
    mine = [one for one in found if one.index_name == index]
    served = [one for one in mine if live and one.added_in <= live < one.removed_in]
    suffix = f" (the index is on hold at release {live})" if on_hold else ""
    if not served:
        last = mine[-1]
        if live is None or last.added_in > live:
            return f"Not served by {index}: it waits in release {last.added_in}, release {live} is live{suffix}."
        return f"Not served by {index}: release {last.removed_in} removed it{suffix}."
    one = served[0]
    if one.reason:
        return f"Not served by {index}: in quarantine for {one.reason}: {one.detail}{suffix}."
    late = ""
    if row.problem:
        late = f" Its last fetch failed ({row.problem['detail']}), so this may not be its newest state."
    reader = (
        "nobody may read it" if f'"{NOBODY}"' in row.principals else f"readers: {', '.join(json.loads(row.principals))}"
    )
    what = f"{wording.count(one.chunks, 'chunk')} of revision {one.revision[:12]}"
    return f"Served by {index} in release {live}: {what}; {reader}{suffix}.{late}"


def _fetch_sentence(one: Row[Any]) -> str:
    version = f", version {one.version} of the source" if one.version else ""
    return f"Fetched {when(one.fetched_at)} in run {one.run_id}: revision {one.sha256[:12]}{version}."


def _entry_sentence(one: Row[Any]) -> str:
    until = "" if one.removed_in == OPEN_END else f", until release {one.removed_in}"
    what = (
        f"quarantined for {one.reason}: {one.detail}"
        if one.reason
        else f"indexed as {wording.count(one.chunks, 'chunk')}"
    )
    return f"{one.index_name}: {what}, from release {one.added_in}{until} (run {one.run_id})."


def trace(platform: Platform, chunk_id: str) -> dict[str, Any]:
    """From a chunk back to revision, bytes, parser, chunker, embedder, run and every release that holds it.

    Raises ``UsageError`` where no index holds the chunk: it never was, was pruned, or was erased.
    """
    from penstock.retrieval import locate

    for generation, collection in platform.collections():
        for row in collection.get([chunk_id]):
            with platform.catalog.read() as connection:
                held = _releases_of(connection, generation.index_name, generation.number, row.added_in, row.removed_in)
                kept = held or [row.added_in]
                entry = connection.execute(
                    select(entries).where(
                        manifest.in_release(generation.index_name, kept[-1]), entries.c.document_id == row.document_id
                    )
                ).one()
                parse = connection.execute(select(parses).where(parses.c.key == entry.parse_key)).one()
                chunking_row = connection.execute(
                    select(chunkings).where(chunkings.c.key == entry.chunks_key)
                ).one_or_none()
            place = locate(platform, generation.index_name, kept[-1], [row])[0]
            if place is None:
                continue
            return {
                "chunk": {"id": row.id, "text": row.text, "headings": list(row.headings), "kind": row.kind},
                "document": {"source": row.source, "key": row.key, "id": row.document_id, "title": row.title},
                "place": {"revision": place.revision, "start": place.start, "end": place.end, "page": place.page},
                "bytes": f"bytes/{place.revision}",
                "parser": {"by": parse.parsed_by, "fingerprint": parse.parser, "media_type": parse.media_type},
                "chunker": {
                    **generation.recipe["chunker"],
                    "chunks_of_document": chunking_row.chunks if chunking_row else None,
                },
                "embedder": {**generation.recipe["embedder"], "fingerprint": generation.embedder},
                "vector": _vector(platform, generation, row),
                "run": entry.run_id,
                "index": generation.index_name,
                "generation": generation.number,
                "releases": held,
                "readers": list(row.principals),
            }
    raise UsageError(
        f"no index holds a chunk {chunk_id!r}: it never was, was pruned, or was erased; `penstock search` prints ids"
    )


def _vector(platform: Platform, generation: Row[Any], row: IndexRow) -> dict[str, Any]:
    """What made the chunk's vector: run, library and precision. Empty where it is no longer known."""
    text = chunking.embedding_text(row, Recipe.model_validate(generation.recipe).chunker)
    cache = VectorCache(platform.catalog, platform.lake, generation.embedder)
    for pack, _position in cache.places([text_hash(text)]).values():
        if made := cache.made(pack):
            return {"run": made.run_id, **made.runtime}
    return {}


def _releases_of(connection: Connection, index: str, generation: int, first: int, end: int) -> list[int]:
    query = select(releases.c.number).where(
        releases.c.index_name == index,
        releases.c.generation == generation,
        releases.c.state.in_(manifest.KEPT),
        releases.c.number >= first,
        releases.c.number < end,
    )
    return sorted(connection.execute(query).scalars())


def quarantine(platform: Platform, index: str | None = None, source: str | None = None) -> list[dict[str, Any]]:
    """Documents of the newest releases that wait, with the typed reason and what to do; deferred ones too."""
    found: list[dict[str, Any]] = []
    with platform.catalog.read() as connection:
        for name in [index] if index else platform.settings.indexes:
            platform.settings.index(name)
            query = (
                select(entries, documents.c.source, documents.c.key, documents.c.problem)
                .join(documents, documents.c.id == entries.c.document_id)
                .where(manifest.in_release(name, _newest(connection, name)))
                .where(entries.c.reason.is_not(None) | documents.c.problem.is_not(None))
                .order_by(documents.c.source, documents.c.key)
            )
            found += [_waiting(name, row) for row in connection.execute(query) if source in (None, row.source)]
    return found


def quarantined(platform: Platform, source: str, key: str) -> dict[str, Any]:
    """Why one document waits. Raises ``UnknownNameError`` naming the documents of its source that do."""
    found = quarantine(platform, source=source)
    for one in found:
        if one["key"] == key:
            return one
    find_document(platform, source, key)
    raise UnknownNameError(f"quarantined document of {source!r}:", key, [str(one["key"]) for one in found])


def _newest(connection: Connection, index: str) -> int:
    waiting = manifest.pending(connection, index)
    return waiting.number if waiting else manifest.head(connection, index)


def _waiting(index: str, row: Row[Any]) -> dict[str, Any]:
    problem = row.problem or {}
    return {
        "index": index,
        "source": row.source,
        "key": row.key,
        "reason": row.reason or problem.get("reason"),
        "detail": row.detail or problem.get("detail"),
        "remedy": row.remedy or problem.get("remedy") or "",
        "still_served": row.reason is None,
        "since_release": row.added_in,
        "revision": row.revision,
        "run": row.run_id,
    }
