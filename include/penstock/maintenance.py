"""Keep an installation well: prune, sweep the lake, verify every count, try quarantined documents again.

Everything that scans whole stores is here; the nightly line itself works from aggregates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update

from penstock import chunking, leases, manifest, release, runs, whereabouts, wording
from penstock.batching import batched
from penstock.catalog.schema import (
    chunkings,
    documents,
    entries,
    generations,
    parses,
    releases,
    revisions,
)
from penstock.errors import StoreError, UsageError
from penstock.evaluation import keeping
from penstock.ids import EMPTY_DIGEST, digest_add
from penstock.lake import Kind
from penstock.lake_errors import MissingObjectError
from penstock.leases import Lease
from penstock.parsing import from_json
from penstock.platform import Platform
from penstock.promotion import checking
from penstock.promotion.records import needed_releases
from penstock.records import OPEN_END, Reason
from penstock.training import dropping
from penstock.training.sets import of_index, releases_named, to_mend
from penstock.vectors import delete_vectors, lost_packs, texts_only_in

WORTH_A_RETRY = (Reason.TIMEOUT, Reason.OUT_OF_MEMORY)
"""Reasons that may have been the machine's and not the document's: maintenance tries these again by itself."""

SWEEP_GRACE_S = 86_400.0
"""Artefacts younger than this may belong to a run that has not staged yet."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference that ``verify`` found, and what mends it."""

    index: str
    what: str
    remedy: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


# pruning


def prune(platform: Platform, index: str, keep: int, wait_s: float = 0.0) -> dict[str, int]:
    """Forget releases but the newest ``keep``; never the live one, one that is pinned or waits, a training set's,
    or the one that a demotion would go back to.

    Rows that no kept release sees are deleted, collections that none of them needs are dropped, and what the lake
    holds for nobody is swept. Returns what was taken.
    """
    if keep < 1:
        raise UsageError(f"--keep {keep} will not do: at least the newest release stays")
    run = runs.begin(platform, index, "prune", {"keep": keep}, wait_s)
    with runs.closing(platform, run):
        taken = _prune_releases(platform, index, keep, run.lease)
        taken |= sweep(platform)
        run.counts.update(taken)
        runs.finish(platform, run, runs.UNCHANGED, None, f"pruned {wording.count(taken['releases'], 'release')}")
    return taken


def _prune_releases(platform: Platform, index: str, keep: int, lease: Lease) -> dict[str, int]:
    with platform.catalog.write() as connection:
        leases.check(connection, platform.catalog, lease)
        live, _ = manifest.pointer(connection, index)
        named = needed_releases(connection, index) | releases_named(connection, index)
        rows = connection.execute(
            select(releases).where(releases.c.index_name == index).order_by(releases.c.number.desc())
        ).all()
        published = [row.number for row in rows if row.state in manifest.KEPT]
        kept = {
            row.number
            for row in rows
            if row.number in published[:keep]
            or row.number == live
            or row.number in named
            or row.pinned
            or row.state in manifest.PENDING
        }
        gone = [number for number in published if number not in kept]
        for batch in batched(gone):
            connection.execute(
                update(releases)
                .where(releases.c.index_name == index, releases.c.number.in_(batch))
                .values(state=manifest.PRUNED)
            )
        if gone:
            # A dead run may have left a number half-staged above the kept ones; its entries are not ours to judge.
            half = [row.number for row in rows if row.state == manifest.STAGING]
            _prune_entries(connection, index, sorted(kept | set(half)))
        wanted = {row.generation for row in rows if row.number in kept or row.state == manifest.STAGING}
        collections = manifest.standing(connection, index)
    taken = {"releases": len(gone), "rows": 0, "collections": 0}
    for generation in collections:
        collection = platform.collection(generation.collection)
        if generation.number in wanted:
            if gone:
                writer = collection.writer()  # taken before the lease is proved again
                leases.prove(platform.catalog, lease)
                taken["rows"] += writer.prune(sorted(kept))
            continue
        leases.prove(platform.catalog, lease)
        taken["collections"] += 1
        if collection.exists():
            collection.drop()
        with platform.catalog.write() as connection:
            connection.execute(
                update(generations)
                .where(generations.c.index_name == index, generations.c.number == generation.number)
                .values(dropped_at=platform.catalog.now(connection))
            )
    return taken


def _prune_entries(connection: Connection, index: str, kept: list[int]) -> None:
    seen = or_(*((entries.c.added_in <= number) & (entries.c.removed_in > number) for number in kept))
    connection.execute(delete(entries).where(entries.c.index_name == index, ~seen))


def sweep(platform: Platform) -> dict[str, int]:
    """Delete what the lake holds and nothing names.

    Bytes, parses, chunk lists, vectors, results of forgotten releases, dropped training sets, halves of models. The
    newest bytes of every document stay, and so does everything younger than a day.
    """
    catalog, lake = platform.catalog, platform.lake
    with catalog.read() as connection:
        old = catalog.now(connection) - SWEEP_GRACE_S
        named = connection.execute(select(entries.c.revision, entries.c.parse_key, entries.c.chunks_key)).all()
        wanted = {name for row in named for name in row} | set(
            connection.execute(select(documents.c.revision)).scalars()
        )
        fetched = connection.execute(
            select(revisions.c.sha256).group_by(revisions.c.sha256).having(func.max(revisions.c.fetched_at) < old)
        ).scalars()
        stale_bytes = [name for name in fetched if name not in wanted]
        parsed = connection.execute(select(parses.c.key).where(parses.c.made_at < old)).scalars()
        stale_parses = [name for name in parsed if name not in wanted]
        chunked = connection.execute(select(chunkings.c.key).where(chunkings.c.made_at < old)).scalars()
        stale_chunks = [name for name in chunked if name not in wanted]
    stale_texts, _ = texts_only_in(platform, stale_chunks)
    vectors = delete_vectors(platform, stale_texts)
    lake.delete(Kind.CHUNKS, stale_chunks)
    lake.delete(Kind.PARSED, stale_parses)
    lake.delete(Kind.BYTES, stale_bytes)
    with catalog.write() as connection:
        for table, names in ((chunkings, stale_chunks), (parses, stale_parses)):
            for batch in batched(names):
                connection.execute(delete(table).where(table.c.key.in_(batch)))
    return {
        "swept_bytes": len(stale_bytes),
        "swept_parses": len(stale_parses),
        "swept_chunk_lists": len(stale_chunks),
        "swept_vectors": vectors,
        "swept_evaluations": keeping.sweep(platform, SWEEP_GRACE_S),
        **dropping.sweep(platform, SWEEP_GRACE_S),
    }


# verifying


def verify(platform: Platform, index: str) -> list[Finding]:
    """Hold catalog, manifest, store, lake and models against one another, all of each; return every difference."""
    platform.settings.index(index)
    findings: list[Finding] = []
    with platform.catalog.read() as connection:
        rows = manifest.kept_and_pending(connection, index)
    for row in rows:
        findings += _verify_release(platform, index, row.number)
    if not release.is_named_live(platform, index):
        what = "the store's own name for the live release leads elsewhere"
        findings.append(Finding(index, what, f"run `penstock sync {index}`"))
    findings += _verify_rows(platform, index, [row.number for row in rows])
    findings += _verify_attachments(platform, index)
    findings += _verify_lake(platform, index)
    findings += [Finding(index, what, remedy) for what, remedy in checking.differences(platform, index)]
    findings += _verify_training(platform, index)
    return findings


def _verify_release(platform: Platform, index: str, number: int) -> Iterator[Finding]:
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
        collection_name = manifest.generation_row(connection, index, row.generation).collection
        indexed, quarantined, chunks = manifest.totals(connection, index, number)
        serving = manifest.serving(connection, index)
    again = f"run `penstock reindex {index}`"
    if not platform.stands(collection_name):
        remedy = whereabouts.remedy(index, row.generation == serving)
        yield Finding(index, f"release {number}: its collection {collection_name} is gone", remedy)
        return
    collection = platform.collection(collection_name)
    digest, found = EMPTY_DIGEST, 0
    for batch in batched(collection.rows(number), 5000):
        digest = digest_add(digest, [one.id for one in batch])
        found += len(batch)
    for name, expected, actual in (
        ("documents", row.documents, indexed),
        ("quarantined documents", row.quarantined, quarantined),
        ("chunks in the manifest", row.chunks, chunks),
        ("rows in the store", row.chunks, found),
        ("digest of its rows", row.digest, digest),
    ):
        if expected != actual:
            yield Finding(index, f"release {number}: {name}: {actual}, recorded {expected}", again)


def _verify_rows(platform: Platform, index: str, numbers: list[int]) -> Iterator[Finding]:
    """Rows whose readers differ from the catalog's, and rows of documents that the catalog does not know."""
    if not numbers:
        return
    with platform.catalog.read() as connection:
        known = {
            row.id: row.principals
            for row in connection.execute(select(documents.c.id, documents.c.principals, documents.c.erased_at))
            if row.erased_at is None
        }
        wanted = {manifest.release_row(connection, index, number).generation for number in numbers}
    wrong: Counter[str] = Counter()
    for generation, collection in platform.collections(index):
        for row in collection.rows() if generation.number in wanted else ():
            expected = known.get(row.document_id)
            if expected is None:
                wrong["rows of documents that the catalog does not know, or that were erased"] += 1
            elif expected != _canonical(row.principals):
                wrong["rows whose readers are not the catalog's"] += 1
    for what, count in wrong.items():
        yield Finding(index, f"{count} {what}", f"run `penstock sync {index} --verify`")


def _verify_attachments(platform: Platform, index: str) -> Iterator[Finding]:
    """Attachments that somebody may read who may not read what they hang on, or the other way round."""
    parent = documents.alias("parent")
    query = (
        select(func.count())
        .select_from(documents.join(parent, parent.c.id == documents.c.parent_id))
        .where(documents.c.erased_at.is_(None), documents.c.principals != parent.c.principals)
    )
    with platform.catalog.read() as connection:
        differing = connection.execute(query).scalar_one()
    if differing:
        what = f"{wording.count(differing, 'attachment')} whose readers are not their document's"
        yield Finding(index, what, f"run `penstock sync {index}`")


def _canonical(principals: tuple[str, ...]) -> str:
    from penstock.planning import canonical

    return canonical(sorted(principals))


def _verify_lake(platform: Platform, index: str) -> Iterator[Finding]:
    """Objects that a kept release names and that the lake lost or altered."""
    with platform.catalog.read() as connection:
        named = connection.execute(
            select(entries.c.revision, entries.c.parse_key, entries.c.chunks_key, entries.c.reason)
            .where(entries.c.index_name == index)
            .distinct()
        ).all()
    held: dict[str, tuple[Kind, set[str | None], Callable[[bytes], object]]] = {
        "bytes": (Kind.BYTES, {row.revision for row in named if row.reason != Reason.ERASED}, bytes),
        "parsed texts": (Kind.PARSED, {row.parse_key for row in named if row.reason is None}, from_json),
        "chunk lists": (Kind.CHUNKS, {row.chunks_key for row in named}, chunking.from_json),
    }
    lost: Counter[str] = Counter()
    for what, (kind, names, read) in held.items():
        for name in sorted(one for one in names if one):
            try:
                read(platform.lake.get(kind, name))
            except StoreError as error:
                lost[_lost(what, error)] += 1
    lost.update(_lost("packs of vectors", error) for _pack, error in lost_packs(platform))
    gone = f"what no source holds any more goes with its releases, `penstock prune {index} --keep 1`"
    remedy = f"run `penstock sync {index} --verify`; {gone}"
    for what, count in lost.items():
        yield Finding(index, f"lake: {count} {what}", remedy)


def _verify_training(platform: Platform, index: str) -> Iterator[Finding]:
    """Training sets that the lake lost or that somebody edited: nothing is trained on them."""
    with platform.catalog.read() as connection:
        rows = [row for row in of_index(connection, index) if row.data]
    for row in rows:
        try:
            platform.lake.check(Kind.TRAINING, row.data)
        except StoreError as error:
            with platform.catalog.read() as connection:
                again = to_mend(connection, row)
            yield Finding(index, f"lake: {_lost(f'training set {row.id}', error)}", again)


def _lost(what: str, error: StoreError) -> str:
    return f"{what} {'missing' if isinstance(error, MissingObjectError) else 'altered'}"


# smaller things


def optimize(platform: Platform, index: str) -> None:
    """Fold new rows of every kept generation into the search structures."""
    for _generation, collection in platform.collections(index):
        collection.optimize()


def retry_quarantined(
    platform: Platform, source: str | None = None, key: str | None = None, reasons: Sequence[Reason] = tuple(Reason)
) -> int:
    """Forget why documents were refused, so that the next sync tries them again; return how many documents.

    Those that are marked already are not counted again.
    """
    query = (
        select(parses.c.key, documents.c.id)
        .join(entries, entries.c.parse_key == parses.c.key)
        .join(documents, documents.c.id == entries.c.document_id)
        .where(parses.c.reason.in_([str(reason) for reason in reasons]), entries.c.removed_in == OPEN_END)
    )
    if source is not None:
        query = query.where(documents.c.source == source)
    if key is not None:
        query = query.where(documents.c.key == key)
    with platform.catalog.write() as connection:
        found = connection.execute(query).all()
        for batch in batched(sorted({row.key for row in found})):
            connection.execute(delete(parses).where(parses.c.key.in_(batch)))
    return len({row.id for row in found})
