"""Questions that people ask: what is served, how fresh it is, why, where it came from, and what changed. Reads only."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.engine import Row

from penstock import champions, decisions, manifest, quality, runs
from penstock.catalog.schema import (
    documents,
    entries,
    releases,
    source_states,
)
from penstock.platform import Platform
from penstock.promotion import promoting
from penstock.standing import today
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
        serving = manifest.champions(connection, index)
        waiting = manifest.pending(connection, index)
        waits = _waiting(connection, waiting, serving) if waiting else None
        row = manifest.release_row(connection, index, live) if live else None
        names = dict.fromkeys([*platform.settings.index(index).sources, *_served_sources(connection, index, live)])
        sources = [_source_status(platform, connection, index, name, live or 0, now) for name in names]
    last = runs.recent(platform, index, 1, of_the_line=True)
    return {
        "index": index,
        "live": live,
        "published_at": row.published_at if row else None,
        "age_s": round(now - row.published_at, 1) if row and row.published_at else None,
        "on_hold": on_hold,
        "documents": row.documents if row else 0,
        "quarantined": row.quarantined if row else 0,
        "chunks": row.chunks if row else 0,
        "waiting": waits,
        "sources": sources,
        "last_run": today(platform, last[0]) if last else None,
        "champions": serving,
        "reindex_would_change": list(ground(platform, index).pending_changes),
    }


def _waiting(connection: Connection, row: Row[Any], serving: champions.Models) -> dict[str, Any]:
    """A release that waits; where a promotion is what it needs, of which challenger, and what stands in the way."""
    model = champions.trained_embedder(connection, row.index_name, row.number)
    challenger = model if model != serving.get(champions.EMBEDDER) else None
    why = promoting.hindrance(connection, row.index_name, challenger) if challenger else None
    return {"release": row.number, "state": row.state, "challenger": challenger, "hindrance": str(why) if why else None}


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


def log(platform: Platform, index: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    if index is not None:
        platform.settings.index(index)
    return decisions.history(platform.catalog, index, limit)


def when(seconds: float) -> str:
    """A time for people: UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
