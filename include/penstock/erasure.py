"""Forget a document for good: from bytes, artefacts, every release, caches, answers, and texts that quote its name.

It is the one change of old releases that is allowed. Releases keep adding up because their totals and digests are
lowered by exactly what was taken, and a redaction says so. What another document holds word for word stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.engine import Row

from penstock import decisions, manifest, parsing, runs, whereabouts
from penstock.batching import batched
from penstock.catalog import insert_or_update
from penstock.catalog.rewriting import rewrite
from penstock.catalog.schema import (
    chunkings,
    documents,
    entries,
    erased_bytes,
    parses,
    redactions,
    releases,
    revisions,
)
from penstock.decisions import Who
from penstock.errors import UsageError
from penstock.evaluation.keeping import forget as forget_questions
from penstock.graves import buried_name
from penstock.ids import digest_add
from penstock.interactions.forgetting import forget_document, quoting
from penstock.keys import file_name
from penstock.lake import Kind
from penstock.lake_errors import MissingObjectError
from penstock.leftovers import Orphans, delete_hand_overs, delete_orphans, find_orphans, scrub_names, scrubber
from penstock.platform import Platform
from penstock.provenance import find_document
from penstock.records import NOBODY, IndexRow
from penstock.training.erasing import forget as forget_examples
from penstock.vectors import delete_vectors, texts_only_in


def erase(platform: Platform, source: str, key: str, who: Who, why: str, wait_s: float = 0.0) -> dict[str, Any]:
    """Erase one document and what is attached to it; return the certificate, which holds no content.

    A tombstone keeps its source from bringing it back, and its bytes from coming under another name. The bytes of an
    attachment are also a part of what it hangs on: ``bytes_still_inside`` names that document by its id. Interrupted,
    or ended by a ``TransientError``, it may be run again. Takes the lease of every index, so that no run writes the
    document while it is forgotten. The catalog's files are rewritten; a log that PostgreSQL keeps, and backups, are
    their operator's to let run out. Earlier decisions stay as they were given: ``decisions_that_name_it`` are the ids
    of those in whose reasons the document's name stands.
    """
    why = decisions.reasoned(why)
    found = find_document(platform, source, key)
    if scrubber({key, file_name(key)})(why) != why:
        raise UsageError("the reason names the document, and reasons are kept for ever: say it without the name")
    if copies := whereabouts.undropped(platform):
        index, store = next(iter(copies.items()))
        raise UsageError(
            f"index {index!r} was moved and its old copy in {store!r} still holds the document; drop that first "
            f"(`penstock move {index} --drop-old`)"
        )
    with runs.all_leases(platform, "erase", {}, wait_s, "a document was erased"):
        orphans = find_orphans(platform)
        ids, keys = _family(platform, found.id, key)
        decision = _bury(platform, ids, who, why)
        naming = decisions.naming(platform.catalog, scrubber(keys))
        certificate = _forget(platform, ids, keys, found, decision, naming, orphans)
        scrub_names(platform, keys)
        _finish_tombstones(platform, ids)
        rewrite(platform.catalog)
    return certificate


def _family(platform: Platform, id_: str, key: str) -> tuple[list[str], set[str]]:
    """Ids and keys of the document and of everything attached to it, at any depth."""
    ids, keys, level = [id_], {key}, [id_]
    with platform.catalog.read() as connection:
        while level:
            query = select(documents.c.id, documents.c.key).where(documents.c.parent_id.in_(level))
            below = [one for one in connection.execute(query) if one.id not in ids]
            level = [one.id for one in below]
            ids += level
            keys.update(one.key for one in below if one.key)
    return ids, keys


def _bury(platform: Platform, ids: Sequence[str], who: Who, why: str) -> int:
    """Set the tombstones and hide every row, before anything is deleted: from here on nobody sees the document."""
    catalog = platform.catalog
    with catalog.write() as connection:
        connection.execute(
            update(documents)
            .where(documents.c.id.in_(ids))
            .values(erased_at=catalog.now(connection), principals=f'["{NOBODY}"]', principals_pending=False)
        )
        decision = decisions.record(connection, catalog, who, "erase", why, document_id=ids[0])
    for _generation, collection in platform.collections():
        collection.set_principals(dict.fromkeys(ids, (NOBODY,)))
    return decision


@dataclass(frozen=True, slots=True)
class _Holding:
    """What the document's revisions name, and which of it only they name."""

    revisions: list[str]
    own_revisions: list[str]
    parses: list[str]
    chunk_lists: list[str]
    shared_chunk_lists: list[str]


def _forget(
    platform: Platform,
    ids: Sequence[str],
    keys: set[str],
    found: Row[Any],
    decision: int,
    naming: list[int],
    orphans: Orphans,
) -> dict[str, Any]:
    holding = _holding(platform, ids)
    # A run that died may have left what it made of the document: whose an orphan is, nobody can say, so all of them go.
    hashes, shared = texts_only_in(platform, [*holding.chunk_lists, *orphans[Kind.CHUNKS]], holding.shared_chunk_lists)
    texts = _own_texts(platform, holding.parses)
    certificate: dict[str, Any] = {
        "document_id": found.id,
        "bytes_still_inside": found.parent_id,
        "attachments": len(ids) - 1,
        "revisions_erased": len(holding.own_revisions),
        "revisions_kept_for_others": len(holding.revisions) - len(holding.own_revisions),
        "texts_erased": len(hashes),
        "texts_kept_for_others": shared,
        "decisions_that_name_it": naming,
        "releases_redacted": {},
        "rows_erased": 0,
        **forget_document(platform, ids, keys, texts),
        **forget_examples(
            platform, ids, decision, quoting(texts), decisions.about(platform.catalog, found.id, "erase")
        ),
    }
    for generation, collection in platform.collections():
        _redact(platform, generation, collection, ids, decision, certificate)
        certificate["rows_erased"] += collection.erase(ids)
    certificate["vectors_erased"] = delete_vectors(platform, hashes)
    platform.lake.delete(Kind.CHUNKS, holding.chunk_lists)
    platform.lake.delete(Kind.PARSED, holding.parses)
    platform.lake.delete(Kind.BYTES, holding.own_revisions)
    platform.artefacts.forget()
    delete_orphans(platform, orphans)
    delete_hand_overs(platform)
    certificate["questions_erased"] = forget_questions(platform, ids, quoting(texts))
    platform.lake.delete_old_versions()
    with platform.catalog.write() as connection:
        for batch in batched(holding.chunk_lists):
            connection.execute(delete(chunkings).where(chunkings.c.key.in_(batch)))
        for batch in batched(holding.parses):
            connection.execute(delete(parses).where(parses.c.key.in_(batch)))
        connection.execute(delete(entries).where(entries.c.document_id.in_(ids)))
        connection.execute(delete(revisions).where(revisions.c.document_id.in_(ids)))
        buried = [{"digest": buried_name(one), "decision_id": decision} for one in holding.own_revisions]
        insert_or_update(connection, erased_bytes, buried)
        connection.execute(
            update(redactions).where(redactions.c.document_id == found.id).values(certificate=certificate)
        )
    return certificate


def _own_texts(platform: Platform, parse_keys: Sequence[str]) -> list[str]:
    """What the document's revisions say, as far as no other document says it too."""
    found = []
    for key in parse_keys:
        try:
            found.append(parsing.from_json(platform.lake.get(Kind.PARSED, key)).text)
        except MissingObjectError:  # it was refused, or an interrupted erasure took it
            continue
    return found


def _holding(platform: Platform, ids: Sequence[str]) -> _Holding:
    with platform.catalog.read() as connection:
        mine = set(connection.execute(select(revisions.c.sha256).where(revisions.c.document_id.in_(ids))).scalars()) | {
            one
            for one in connection.execute(select(entries.c.revision).where(entries.c.document_id.in_(ids))).scalars()
            if one
        }
        others = set(
            connection.execute(
                select(revisions.c.sha256).where(revisions.c.sha256.in_(mine), revisions.c.document_id.not_in(ids))
            ).scalars()
        )
        own = sorted(mine - others)
        parse_keys = list(connection.execute(select(parses.c.key).where(parses.c.revision.in_(own))).scalars())
        lists = list(connection.execute(select(chunkings.c.key).where(chunkings.c.parse_key.in_(parse_keys))).scalars())
        shared = select(chunkings.c.key).join(parses, parses.c.key == chunkings.c.parse_key)
        shared_lists = list(connection.execute(shared.where(parses.c.revision.in_(mine & others))).scalars())
    return _Holding(sorted(mine), own, parse_keys, lists, shared_lists)


def _redact(
    platform: Platform,
    generation: Row[Any],
    collection: Any,
    ids: Sequence[str],
    decision: int,
    certificate: dict[str, Any],
) -> None:
    """Lower the totals and the digest of every readable release by what it loses: rows, and documents without any."""
    catalog, index = platform.catalog, generation.index_name
    with catalog.read() as connection:
        kept = manifest.kept_and_pending(connection, index)
        numbers = [row.number for row in kept if row.generation == generation.number]
        named = {number for number in numbers if _names(connection, index, number, ids)}
    lost: dict[int, list[IndexRow]] = {one: list(collection.document_rows(ids, one)) for one in numbers}
    everything = {row.id: row for rows in lost.values() for row in rows}
    touched = [number for number, rows in lost.items() if rows or number in named]
    if not touched:
        return
    with catalog.write() as connection:
        before = select(redactions.c.id).where(
            redactions.c.document_id == ids[0],
            redactions.c.index_name == index,
            redactions.c.generation == generation.number,
        )
        if connection.execute(before).first():
            return  # an interrupted erasure lowered them already
        for number, rows in lost.items():
            _lower(connection, index, number, rows, list(everything.values()), ids)
        connection.execute(
            insert(redactions).values(
                index_name=index,
                generation=generation.number,
                document_id=ids[0],
                decision_id=decision,
                rows=len(everything),
                first_release=min(touched),
                last_release=max(touched),
                certificate={},
            )
        )
    certificate["releases_redacted"][index] = sorted({*certificate["releases_redacted"].get(index, []), *touched})


def _names(connection: Connection, index: str, number: int, ids: Sequence[str]) -> bool:
    """Whether the manifest of the release names one of the documents."""
    query = select(entries.c.id).where(manifest.in_release(index, number), entries.c.document_id.in_(ids))
    return connection.execute(query.limit(1)).first() is not None


def _lower(
    connection: Connection,
    index: str,
    number: int,
    rows: list[IndexRow],
    everything: list[IndexRow],
    ids: Sequence[str],
) -> None:
    row = manifest.release_row(connection, index, number)
    served = connection.execute(
        select(entries.c.reason, func.count(), func.sum(entries.c.chunks))
        .where(manifest.in_release(index, number), entries.c.document_id.in_(ids))
        .group_by(entries.c.reason)
    ).all()
    counts: Counter[str] = Counter()
    for reason, count, _chunks in served:
        counts["indexed" if reason is None else "quarantined"] += count
    connection.execute(
        update(releases)
        .where(releases.c.index_name == index, releases.c.number == number)
        .values(
            documents=row.documents - counts["indexed"],
            quarantined=row.quarantined - counts["quarantined"],
            chunks=row.chunks - len(rows),
            rows_added=row.rows_added - sum(one.added_in == number for one in everything),
            rows_removed=row.rows_removed - sum(one.removed_in == number for one in everything),
            digest=digest_add(row.digest, [one.id for one in rows], -1),
        )
    )


def _finish_tombstones(platform: Platform, ids: Sequence[str]) -> None:
    with platform.catalog.write() as connection:
        connection.execute(
            update(documents)
            .where(documents.c.id.in_(ids))
            .values(key=None, hint="", revision=None, fields="{}", problem=None)
        )
