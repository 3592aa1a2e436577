"""What a release changes: the outcomes of a run against the entries of the release before. Pure but for one query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.batching import batched
from penstock.catalog.schema import documents, entries
from penstock.ids import fingerprint
from penstock.preparing import Outcome


@dataclass
class Delta:
    """The difference between the base release and the next: what is put in place of what.

    ``put`` are new or changed documents, ``gone`` are ids of documents that leave.
    """

    put: list[Outcome] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Of ``put``, the ids of documents that the base release had."""
    gone: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __bool__(self) -> bool:
        return bool(self.put or self.gone)

    def name(self) -> str:
        """Hash of the difference: two runs that would change the same have the same name for it."""
        put = sorted([one.id, one.chunks_key, one.revision, one.fields, reason_of(one)] for one in self.put)
        return fingerprint([put, sorted(self.gone)])


def compute_delta(
    before: dict[str, Row[Any]], outcomes: Iterable[Outcome], removed: Sequence[str], rebuild: bool = False
) -> Delta:
    """Compare outcomes with the base release's entries, by document id. Pure.

    A document that could not be fetched keeps its entry, and so do its attachments. The attachments of a parent that
    was looked at, and that it no longer has, go. ``rebuild`` puts everything anew (a new generation).
    """
    delta = Delta(gone=list(removed))
    delta.counts["removed"] = len(removed)
    looked_at: set[str] = set()
    reported: set[str] = set()
    for outcome in outcomes:
        entry = before.get(outcome.id)
        reported.add(outcome.id)
        if outcome.state == "deferred" and entry is not None:
            delta.counts["deferred"] += 1
            continue
        looked_at.add(outcome.id)
        if outcome.parent_id is not None:
            delta.counts["attachments"] += 1
        if entry is not None and not rebuild and _same(entry, outcome):
            delta.counts["quarantined" if reason_of(outcome) else "same"] += 1
            continue
        delta.put.append(outcome)
        if entry is not None:
            delta.known.add(outcome.id)
        delta.counts[_change(entry, outcome, rebuild)] += 1
    for id_, entry in before.items():
        if entry.parent_id in looked_at and id_ not in reported and id_ not in delta.gone:
            delta.gone.append(id_)
            delta.counts["attachments_removed"] += 1
    return delta


def _change(entry: Row[Any] | None, outcome: Outcome, rebuild: bool) -> str:
    if outcome.refusal:
        return "quarantined"
    if entry is None:
        return "new"
    return "rebuilt" if rebuild and entry.revision == outcome.revision else "changed"


def reason_of(outcome: Outcome) -> str | None:
    return str(outcome.refusal.reason) if outcome.refusal else None


def _same(entry: Row[Any], outcome: Outcome) -> bool:
    return bool(
        entry.chunks_key == outcome.chunks_key
        and entry.revision == outcome.revision
        and entry.fields == outcome.fields
        and entry.reason == reason_of(outcome)
    )


def base_entries(connection: Connection, index: str, base: int, ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Document id → entry in release ``base`` with its ``parent_id``, of the named documents and their attachments."""
    found: dict[str, Row[Any]] = {}
    for batch in batched(ids):
        attached = select(documents.c.id).where(documents.c.parent_id.in_(batch))
        query = (
            select(entries, documents.c.parent_id)
            .join(documents, documents.c.id == entries.c.document_id)
            .where(manifest.in_release(index, base))
            .where(entries.c.document_id.in_(select(documents.c.id).where(documents.c.id.in_(batch)).union(attached)))
        )
        found.update((row.document_id, row) for row in connection.execute(query))
    return found
