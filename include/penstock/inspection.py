"""Questions that people ask: what is served, how fresh it is, why, where it came from, and what changed. Reads only."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Row

from penstock import decisions, manifest, quality, runs
from penstock.catalog.schema import (
    chunkings,
    documents,
    entries,
    generations,
    parses,
    releases,
    revisions,
    source_states,
)
from penstock.errors import UnknownNameError
from penstock.ids import document_id
from penstock.platform import Platform
from penstock.records import NOBODY, OPEN_END
from penstock.sync import ground


def status(platform: Platform, index: str | None = None) -> list[dict[str, Any]]:
    """Per index: live release and its age, what waits, each source's documents by state and freshness, the last run."""
    if index is not None:
        platform.settings.index(index)
    return [_index_status(platform, name) for name in ([index] if index else platform.settings.indexes)]


def _index_status(platform: Platform, index: str) -> dict[str, Any]:
    with platform.catalog.read() as connection:
        now = platform.catalog.now(connection)
        live, on_hold = manifest.pointer(connection, index)
        waiting = manifest.pending(connection, index)
        row = manifest.release_row(connection, index, live) if live else None
        names = dict.fromkeys([*platform.settings.index(index).sources, *_served_sources(connection, index, live)])
        sources = [_source_status(platform, connection, index, name, live or 0, now) for name in names]
    last = runs.recent(platform, index, 1)
    return {
        "index": index,
        "live": live,
        "published_at": row.published_at if row else None,
        "age_s": round(now - row.published_at, 1) if row and row.published_at else None,
        "on_hold": on_hold,
        "documents": row.documents if row else 0,
        "quarantined": row.quarantined if row else 0,
        "chunks": row.chunks if row else 0,
        "waiting": {"release": waiting.number, "state": waiting.state} if waiting else None,
        "sources": sources,
        "last_run": last[0].to_dict() if last else None,
        "reindex_would_change": list(ground(platform, index).pending_changes),
    }


def _served_sources(connection: Connection, index: str, live: int | None) -> list[str]:
    """Sources with documents in the live release: also those that the configuration no longer names."""
    query = (
        select(documents.c.source)
        .join(entries, entries.c.document_id == documents.c.id)
        .where(manifest.in_release(index, live or 0))
        .distinct()
        .order_by(documents.c.source)
    )
    return list(connection.execute(query).scalars())


def _source_status(
    platform: Platform, connection: Connection, index: str, name: str, live: int, now: float
) -> dict[str, Any]:
    settings = platform.settings.sources.get(name)
    configured = settings is not None and name in platform.settings.index(index).sources
    state = connection.execute(
        select(source_states).where(source_states.c.source == name, source_states.c.index_name == index)
    ).one_or_none()
    by_reason = connection.execute(
        select(entries.c.reason, func.count())
        .join(documents, documents.c.id == entries.c.document_id)
        .where(manifest.in_release(index, live), documents.c.source == name)
        .group_by(entries.c.reason)
    )
    counts: Counter[str] = Counter()
    for reason, count in by_reason:
        counts["indexed" if reason is None else "quarantined"] += count
    counts["deferred"] = connection.execute(
        select(func.count()).where(documents.c.source == name, documents.c.problem.is_not(None))
    ).scalar_one()
    listed_at = state.listed_at if state else None
    age = now - listed_at if listed_at else None
    limit = settings.max_age_s if settings else None
    return {
        "source": name,
        "configured": configured,
        "documents": dict(counts),
        "listed_at": listed_at,
        "age_s": round(age, 1) if age is not None else None,
        "max_age_s": limit,
        "stale": bool(limit and (age is None or age > limit)),
        "error": state.error if state else None,
    }


def list_releases(platform: Platform, index: str) -> list[dict[str, Any]]:
    """Newest first, with what each changed, its gates that failed, and which one is live."""
    platform.settings.index(index)
    with platform.catalog.read() as connection:
        live, _ = manifest.pointer(connection, index)
        rows = connection.execute(
            select(releases).where(releases.c.index_name == index).order_by(releases.c.number.desc())
        ).all()
        return [
            {
                **{name: value for name, value in row._mapping.items() if name != "delta"},
                "changes": {name: value for name, value in row.delta.items() if name != "name"},
                "live": row.number == live,
                "failed_gates": [
                    gate.name for gate in quality.verdicts(connection, index, row.number) if not gate.passed
                ],
            }
            for row in rows
        ]


def diff(platform: Platform, index: str, a: int, b: int) -> dict[str, Any]:
    """Documents added, changed, removed and quarantined between two kept releases, and the rows that moved."""
    platform.settings.index(index)
    with platform.catalog.read() as connection:
        row_a, row_b = manifest.readable(connection, index, a), manifest.readable(connection, index, b)
        low, high = sorted((a, b))
        moved = connection.execute(
            select(entries, documents.c.source, documents.c.key)
            .join(documents, documents.c.id == entries.c.document_id)
            .where(entries.c.index_name == index, entries.c.added_in <= high, entries.c.removed_in > low)
            .where((entries.c.added_in > low) | (entries.c.removed_in <= high))
        ).all()
    before = {row.document_id: row for row in moved if row.added_in <= a < row.removed_in}
    after = {row.document_id: row for row in moved if row.added_in <= b < row.removed_in}
    changes = [_change(before.get(id_), after.get(id_)) for id_ in {**before, **after}]
    return {
        "index": index,
        "from": a,
        "to": b,
        "documents": sorted((one for one in changes if one), key=lambda one: (one["change"], one["key"])),
        "chunks": {"from": row_a.chunks, "to": row_b.chunks},
        "generation_changed": row_a.generation != row_b.generation,
    }


def _change(before: Row[Any] | None, after: Row[Any] | None) -> dict[str, Any] | None:
    one = after or before
    if one is None or (before is not None and after is not None and before.id == after.id):
        return None
    if before is not None and after is not None and before.revision == after.revision and before.reason == after.reason:
        change = "remade"
    elif after is None:
        change = "removed"
    elif after.reason is not None:
        change = "quarantined"
    elif before is None or before.reason is not None:
        change = "added"
    else:
        change = "changed"
    return {
        "change": change,
        "source": one.source,
        "key": one.key or f"erased document {one.document_id}",
        "reason": after.reason if after else None,
        "chunks": [before.chunks if before else 0, after.chunks if after else 0],
        "revision": [before.revision if before else None, after.revision if after else None],
    }


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
    sentences = [f"Fetched {when(one.fetched_at)} in run {one.run_id}: revision {one.sha256[:12]}." for one in seen]
    for one in found:
        sentences.append(_entry_sentence(one))
    return {
        "source": source,
        "key": key,
        "document_id": row.id,
        "principals": json.loads(row.principals),
        "verdict": [_verdict(row, name, found, *lives[name]) for name in lives] or [_unserved(row, seen)],
        "history": sentences,
        "revisions": [one.sha256 for one in seen],
    }


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
    what = f"{one.chunks} chunks of revision {one.revision[:12]}"
    return f"Served by {index} in release {live}: {what}; {reader}{suffix}.{late}"


def _entry_sentence(one: Row[Any]) -> str:
    until = "" if one.removed_in == OPEN_END else f", until release {one.removed_in}"
    what = f"quarantined for {one.reason}: {one.detail}" if one.reason else f"indexed as {one.chunks} chunks"
    return f"{one.index_name}: {what}, from release {one.added_in}{until} (run {one.run_id})."


def trace(platform: Platform, chunk_id: str) -> dict[str, Any]:
    """From a chunk back to revision, bytes, parser, chunker, embedder, run and every release that holds it.

    Raises ``UnknownNameError`` where no index holds the chunk: it never was, was pruned, or was erased.
    """
    from penstock.retrieval import locate

    with platform.catalog.read() as connection:
        candidates = connection.execute(select(generations).where(generations.c.dropped_at.is_(None))).all()
    for generation in candidates:
        collection = platform.collection(generation.collection)
        if not collection.exists():
            continue
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
                "run": entry.run_id,
                "index": generation.index_name,
                "generation": generation.number,
                "releases": held,
                "readers": list(row.principals),
            }
    raise UnknownNameError("chunk", chunk_id, [])


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
                select(entries, documents.c.source, documents.c.key, documents.c.problem, parses.c.remedy)
                .join(documents, documents.c.id == entries.c.document_id)
                .outerjoin(parses, parses.c.key == entries.c.parse_key)
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


def log(platform: Platform, index: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    return decisions.history(platform.catalog, index, limit)


def when(seconds: float) -> str:
    """A time for people: UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
