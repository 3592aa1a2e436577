"""Stage a release: write the difference between the base release and what was prepared, under a number nobody sees yet.

Every step may be repeated: rows are named by content, and a number that a dead run left half-staged is undone and
staged again under the same number.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.engine import Row

from penstock import chunking, leases, manifest
from penstock.batching import batched
from penstock.catalog.schema import documents, entries, generations, releases
from penstock.delta import Delta, reason_of
from penstock.embedding.base import Embedder
from penstock.embedding.cache import VectorCache, text_hash
from penstock.errors import TransientError
from penstock.ids import EMPTY_DIGEST, digest_add, hash_of, row_id
from penstock.index.base import VectorIndex
from penstock.lake import Kind
from penstock.leases import Lease
from penstock.planning import canonical
from penstock.platform import Platform
from penstock.preparing import Outcome
from penstock.recipe import Recipe
from penstock.records import OPEN_END, Chunk, IndexRow
from penstock.sources import Cursor

DOCUMENTS_AT_ONCE, ROWS_AT_ONCE = 500, 4_000
"""One commit of the store: of the small ones many documents, since each commit has a price that grows with the number
of commits before it; of the large ones few, since their rows are held in memory together."""
OPTIMIZE_ROWS = 500
"""A store searches rows that are not folded in by reading them: some hundreds cost nothing, more are folded in at once
and fewer wait for ``maintain``."""


@dataclass
class Stager:
    """Writes one delta as one release."""

    platform: Platform
    index: str
    lease: Lease
    recipe: Recipe
    embedder: Embedder
    run_id: int
    progress: Callable[[int], None] = lambda _n: None
    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    """Where the next readings of the sources may begin, once this release is the base of the next."""
    _written: dict[str, str] = field(default_factory=dict)

    def stage(self, delta: Delta, base: int, rebuild: bool = False) -> int:
        """Return the number of the staged release."""
        number, generation = self._open(base, rebuild or base == 0)
        shared = self.platform.collection(self._collection(generation))
        shared.create(self.embedder.dimension, self.recipe.fields)
        collection = shared.writer()  # taken before the lease is proved again
        leases.prove(self.platform.catalog, self.lease)
        for undone in range(base + 1, number + 1):
            collection.discard(undone)
        read_base = 0 if rebuild else base
        added, removed = self._write_rows(collection, delta, number, read_base)
        for document, principals in self._close(delta, number, base, rebuild, added, removed).items():
            collection.set_principals({document: tuple(json.loads(principals))})
        if len(added) + len(removed) >= OPTIMIZE_ROWS:
            collection.optimize()
        return number

    def _collection(self, generation: int) -> str:
        return manifest.collection_of(self.platform.catalog, self.index, generation)

    def _open(self, base: int, new_generation: bool) -> tuple[int, int]:
        """Claim the release's number (a dead run's, where it left one) and its generation."""
        catalog = self.platform.catalog
        with catalog.write() as connection:
            leases.check(connection, catalog, self.lease)
            self._require_head(connection, base)
            supersede(connection, self.index)
            half = connection.execute(
                select(releases).where(releases.c.index_name == self.index, releases.c.state == manifest.STAGING)
            ).one_or_none()
            highest = connection.execute(
                select(func.max(releases.c.number)).where(releases.c.index_name == self.index)
            ).scalar()
            number = half.number if half else (highest or 0) + 1
            if new_generation:
                generation = self._new_generation(connection, number)
            else:
                generation = manifest.release_row(connection, self.index, base).generation
            values = empty_release(self.index, number, generation, base, self.run_id, catalog.now(connection))
            if half:
                undo_entries(connection, self.index, number)
                connection.execute(
                    update(releases)
                    .where(releases.c.index_name == self.index, releases.c.number == number)
                    .values(values)
                )
            else:
                connection.execute(insert(releases).values(values))
        return number, generation

    def _require_head(self, connection: Connection, base: int) -> None:
        """An approval during the run published what waited: this run's difference is against a release that is past."""
        newest = manifest.head(connection, self.index)
        if newest != base:
            raise TransientError(
                f"release {newest} of {self.index!r} was published while this run prepared the next one on release "
                f"{base}; nothing was staged. Run it again: what it made is kept"
            )

    def _new_generation(self, connection: Connection, release: int) -> int:
        """A generation is numbered by the first release that it serves, so that a repeated run finds its own."""
        mine = generations.c.index_name == self.index, generations.c.number == release
        values = {
            "collection": f"{self.index}_g{release}",
            "recipe": self.recipe.model_dump(mode="json"),
            "embedder": self.embedder.fingerprint,
            "dimension": self.embedder.dimension,
            "created_at": self.platform.catalog.now(connection),
            "dropped_at": None,
        }
        if connection.execute(select(generations).where(*mine)).one_or_none() is None:
            connection.execute(insert(generations).values(index_name=self.index, number=release, **values))
        else:
            connection.execute(update(generations).where(*mine).values(**values))
        return release

    def _write_rows(self, collection: VectorIndex, delta: Delta, number: int, base: int) -> tuple[list[str], list[str]]:
        """Add and retire rows, some documents at a time; return the ids added and retired."""
        added: list[str] = []
        retired: list[str] = []
        cache = VectorCache(self.platform.catalog, self.platform.lake, self.embedder.fingerprint)
        for batch in commits(delta.put):
            leases.prove(self.platform.catalog, self.lease)
            new, old = self._row_changes(collection, batch, number, base)
            if new:
                vectors = cache.get([name for _row, name in new])
                collection.add([replace(row, vector=v) for (row, _name), v in zip(new, vectors, strict=True)])
            collection.retire(old, number)
            added += [row.id for row, _name in new]
            delta.counts["rows_rewritten"] += sum(row.document_id in delta.known for row, _name in new)
            retired += old
            self.progress(len(batch))
        for gone in batched(delta.gone, DOCUMENTS_AT_ONCE) if base else ():
            leases.prove(self.platform.catalog, self.lease)
            old = [row.id for row in collection.document_rows(gone, base)]
            collection.retire(old, number)
            retired += old
        return added, retired

    def _row_changes(
        self, collection: VectorIndex, batch: Sequence[Outcome], number: int, base: int
    ) -> tuple[list[tuple[IndexRow, str]], list[str]]:
        """Rows that the documents lack, with the hash of the text to embed, and ids of rows that they no longer have.

        A chunk that the document had before, word for word, keeps its row: it costs no write.
        """
        ids = [one.id for one in batch]
        before: dict[tuple[str, str, int], str] = {}
        if base:
            before = {(row.document_id, row.content, row.nth): row.id for row in collection.document_rows(ids, base)}
        about = self._documents(ids)
        self._written.update((id_, row.principals) for id_, row in about.items())
        new = []
        for outcome in batch:
            for row, name in self._rows(outcome, about[outcome.id], number):
                if before.pop((row.document_id, row.content, row.nth), None) is None:
                    new.append((row, name))
        return new, list(before.values())

    def _rows(self, outcome: Outcome, about: Row[Any], number: int) -> Iterator[tuple[IndexRow, str]]:
        if outcome.chunks_key is None:
            return
        fields = {k: v for k, v in json.loads(outcome.fields).items() if k in self.recipe.fields}
        principals = tuple(json.loads(about.principals))
        chunks = chunking.from_json(self.platform.lake.get(Kind.CHUNKS, outcome.chunks_key))
        for chunk, content, nth in numbered(chunks, outcome.title, fields):
            row = IndexRow(
                id=row_id(self.index, outcome.id, content, nth, number),
                document_id=outcome.id,
                source=about.source,
                key=about.key,
                title=outcome.title,
                text=chunk.text,
                headings=chunk.headings,
                kind=chunk.kind,
                content=content,
                nth=nth,
                fields=fields,
                principals=principals,
                added_in=number,
                removed_in=OPEN_END,
            )
            yield row, text_hash(chunking.embedding_text(chunk, self.recipe.chunker))

    def _documents(self, ids: Sequence[str]) -> dict[str, Row[Any]]:
        with self.platform.catalog.read() as connection:
            rows = connection.execute(select(documents).where(documents.c.id.in_(ids)))
            return {row.id: row for row in rows}

    def _close(
        self, delta: Delta, number: int, base: int, rebuild: bool, added: list[str], removed: list[str]
    ) -> dict[str, str]:
        """Write the manifest's difference, and the release's totals and digest, in one transaction.

        Returns the documents whose principals changed since their rows were written. Whoever changes them writes the
        catalog first and the rows second, so a change that this transaction does not see still finds the rows.
        """
        catalog = self.platform.catalog
        with catalog.write() as connection:
            leases.check(connection, catalog, self.lease)
            replaced = [one.id for one in delta.put] + delta.gone
            for batch in batched(replaced):
                connection.execute(
                    update(entries)
                    .where(manifest.in_release(self.index, base), entries.c.document_id.in_(batch))
                    .values(removed_in=number)
                )
            for put in batched(delta.put, 200):
                connection.execute(insert(entries), [self._entry(one, number) for one in put])
            start = EMPTY_DIGEST
            if base and not rebuild:
                start = manifest.release_row(connection, self.index, base).digest
            indexed, quarantined, chunks = manifest.totals_from_base(connection, self.index, number)
            connection.execute(
                update(releases)
                .where(releases.c.index_name == self.index, releases.c.number == number)
                .values(
                    documents=indexed,
                    quarantined=quarantined,
                    chunks=chunks,
                    rows_added=len(added),
                    rows_removed=len(removed),
                    digest=digest_add(digest_add(start, added), removed, -1),
                    delta={**delta.counts, "name": delta.name()},
                    cursors=dict(self.cursors),
                )
            )
            today = {
                row.id: row.principals
                for batch in batched(self._written)
                for row in connection.execute(
                    select(documents.c.id, documents.c.principals).where(documents.c.id.in_(batch))
                )
            }
        return {id_: now for id_, now in today.items() if now != self._written[id_]}

    def _entry(self, outcome: Outcome, number: int) -> dict[str, Any]:
        return {
            "index_name": self.index,
            "document_id": outcome.id,
            "added_in": number,
            "removed_in": OPEN_END,
            "revision": outcome.revision,
            "parse_key": outcome.parse_key,
            "chunks_key": outcome.chunks_key,
            "chunks": outcome.chunks,
            "fields": outcome.fields,
            "reason": reason_of(outcome),
            "detail": outcome.refusal.detail if outcome.refusal else None,
            "remedy": outcome.refusal.remedy if outcome.refusal else None,
            "run_id": self.run_id,
        }


def commits(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Cut outcomes into what is written together: at most 500 documents, or 4,000 rows unless one document has more."""
    batch: list[Outcome] = []
    rows = 0
    for outcome in outcomes:
        if batch and (len(batch) == DOCUMENTS_AT_ONCE or rows + outcome.chunks > ROWS_AT_ONCE):
            yield batch
            batch, rows = [], 0
        batch.append(outcome)
        rows += outcome.chunks
    if batch:
        yield batch


def numbered(chunks: Iterable[Chunk], title: str, fields: Mapping[str, str]) -> Iterator[tuple[Chunk, str, int]]:
    """Each chunk with the hash of what a release freezes of it, and its place among equals within the document.

    A chunk's span and page are not frozen: they move when text is inserted above, and the row need not be written
    again for that. They are looked up in the document's chunks as of the release that is read.
    """
    seen: Counter[str] = Counter()
    for chunk in chunks:
        content = hash_of("chunk", chunk.text, chunk.kind, title, canonical(dict(fields)), *chunk.headings)
        yield chunk, content, seen[content]
        seen[content] += 1


def supersede(connection: Connection, index: str) -> None:
    """A newer release is being staged: the one that waits can no longer be approved. Its rows go with the next
    discard, its artefacts stay and are used again.
    """
    waiting = manifest.pending(connection, index)
    if waiting is not None:
        connection.execute(
            update(releases)
            .where(releases.c.index_name == index, releases.c.number == waiting.number)
            .values(state=manifest.SUPERSEDED)
        )
        undo_entries(connection, index, waiting.number)


def undo_entries(connection: Connection, index: str, number: int) -> None:
    """Take a release that was never published out of the manifest."""
    connection.execute(entries.delete().where(entries.c.index_name == index, entries.c.added_in == number))
    connection.execute(
        update(entries).where(entries.c.index_name == index, entries.c.removed_in == number).values(removed_in=OPEN_END)
    )


def empty_release(index: str, number: int, generation: int, base: int, run_id: int, now: float) -> dict[str, Any]:
    return {
        "index_name": index,
        "number": number,
        "generation": generation,
        "base": base,
        "state": manifest.STAGING,
        "run_id": run_id,
        "created_at": now,
        "published_at": None,
        "documents": 0,
        "quarantined": 0,
        "chunks": 0,
        "rows_added": 0,
        "rows_removed": 0,
        "digest": EMPTY_DIGEST,
        "delta": {},
        "cursors": {},
        "pinned": False,
    }
