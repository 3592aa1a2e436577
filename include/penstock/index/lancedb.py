"""The embedded index: one Lance table per collection, in a local folder or a bucket.

Every method opens the newest version of the table, so a commit of another process is seen at once, and works on that
version to its end, so both halves of a hybrid search see the same rows. One process writes at a time (the lease of the
index sees to that); a collision that Lance cannot settle itself is a ``TransientError``.
"""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import lancedb
import pyarrow as pa
from lancedb.index import FTS, Bitmap, BTree, IvfFlat, LabelList

from penstock.batching import batched
from penstock.errors import PenstockError, StoreError, TransientError
from penstock.filters.values import FieldType
from penstock.index.lance_errors import VANISHED, explain, is_missing_table, says
from penstock.index.lance_files import TableFiles
from penstock.index.lance_rows import (
    differences,
    dimension,
    fields,
    listed,
    scan,
    schema,
    to_arrow,
    value_column,
    visible,
)
from penstock.index.lance_search import PARTITIONS, connected, search
from penstock.index.rules import Fields, check_principals, check_rows, runs
from penstock.records import OPEN_END, Hit, IndexRow, Query

if TYPE_CHECKING:
    from lancedb import AsyncConnection
    from lancedb.table import Table

T = TypeVar("T")

WRITE_ROWS = 10_000
"""Rows in one commit of ``add``: 15 MB of vectors at 384 dimensions."""
FEW_READERS = 50
"""Up to so many different lists of principals are set by one update each (20 ms); more by one merge, which reads the
whole collection and rewrites the column (500 ms for 100,000 rows), so that it must be folded in anew."""
IN_NAMES = 1_000
"""Names in one ``IN (...)``: planning it costs 15 ms for 1,000 and 250 ms for 10,000."""
VECTOR_INDEX_ROWS = 20_000
"""From here on vectors are indexed. Reading the column costs 25 ms for 20,000 rows of 384 and 300 ms for 100,000,
the index 4 and 10 ms; under it, memory (a copy of the vectors in each reader) and upkeep are not worth it."""
MAX_SEGMENTS = 8
"""Each ``optimize`` appends a segment to the vector index; with more than this it is built anew."""
READER_GRACE = timedelta(hours=1)
"""Old versions stay this long: a query or a scan that began on one ends on it."""
WORDS = FTS(stem=True, remove_stop_words=False, max_token_length=128)
"""Stop words are kept (BM25 gives them next to no weight) so that "to be or not to be" can be found; 128 so that
a SHA-256 can be."""

LOOKED_UP: dict[str, BTree | Bitmap | LabelList] = {
    **dict.fromkeys(("id", "document_id"), BTree()),
    **dict.fromkeys(("added_in", "removed_in"), Bitmap()),
    "principals": LabelList(),
}
"""Who may read and which release are answered from bitmaps: over 100,000 rows a filter costs each half of a search
under 1 ms instead of 7. Rows that are not folded in yet are read, so a change of access holds at once."""

COMPARED: dict[FieldType, BTree | Bitmap | LabelList] = {"number": BTree(), "date": BTree(), "texts": LabelList()}

FRUGAL = {"LANCE_DEFAULT_IO_BUFFER_SIZE": str(16 * 2**20), "LANCE_LEGACY_SHUFFLER": "1"}
"""Lance's own switches, which only the environment takes; what is set there already stays. A scan reads 16 MB ahead and
not 2 GB; vectors are sorted into partitions in one file each and not in memory. Indexing 100,000 of 256 then holds
50 MB instead of 190, in the same time."""
ROOMY = {"LANCE_CPU_THREADS": "4", "LANCE_FTS_NUM_SHARDS": "1"} if (os.cpu_count() or 1) <= 3 else {}
"""On three cores or fewer Lance computes in a pool of one thread, where a task that waits for another waits for ever
(lance-format/lance#7643). More threads are given to the pool, and not to the writing of one text index."""
os.environ.update({name: value for name, value in (FRUGAL | ROOMY).items() if name not in os.environ})


class LanceIndex:
    """``VectorIndex`` over the Lance table ``collection`` at ``url``. Threads may share it, processes may not."""

    def __init__(self, url: str, collection: str, *, vector_index_rows: int = VECTOR_INDEX_ROWS) -> None:
        self.url = url
        self.collection = collection
        self.vector_index_rows = vector_index_rows
        self._pinned: Table | None = None

    # -- making and dropping ------------------------------------------------------------------------------------------

    def create(self, dimension: int, fields: Fields) -> None:
        wanted = schema(dimension, fields)
        with self._translated("create"):
            table = (
                self._open() if self.exists() else self._db.create_table(self.collection, schema=wanted, exist_ok=True)
            )
            if wrong := differences(table.schema, wanted):
                raise StoreError(
                    f"the index {self.collection!r} at {self.url} is of another shape: {'; '.join(wrong)}; "
                    "build a new generation beside it (`penstock reindex`)"
                )
            _ensure_indices(table)

    def exists(self) -> bool:
        return self._files.stand()

    def drop(self) -> None:
        with self._translated("drop"):
            if self.exists():
                self._db.drop_table(self.collection)

    def writer(self) -> LanceIndex:
        pinned = LanceIndex(self.url, self.collection, vector_index_rows=self.vector_index_rows)
        with self._translated("open"):
            # Lance settles a commit against those that came since its handle was opened, and settles none with a
            # restoration. A handle that writes follows its own commits, and no others.
            pinned._pinned = self._open()
        return pinned

    def fence(self) -> None:
        with self._translated("fence"):
            table = self._open()
            wanted, expected = table.version, table.version + 1
            while True:
                table.restore(wanted)
                if table.version == expected:
                    return
                # A commit came between and was put away with what was restored: the newest of them is wanted back.
                wanted, expected = table.version - 1, table.version + 1

    # -- writing ------------------------------------------------------------------------------------------------------

    def add(self, rows: Sequence[IndexRow]) -> None:
        with self._translated("add to"):
            table = self._open()
            shape = table.schema
            check_rows(rows, dimension(shape), fields(shape))
            # Within one call the last of equal ids wins; Lance calls two of them ambiguous.
            for batch in batched({row.id: row for row in rows}.values(), WRITE_ROWS):
                _merge(table, "id", to_arrow(batch, shape), insert=True)

    def retire(self, ids: Sequence[str], release: int) -> None:
        with self._translated("retire rows of"):
            _update(self._open(), "id", ids, "removed_in", str(int(release)))

    def discard(self, release: int) -> None:
        with self._translated("discard a release of"):
            table = self._open()
            # An empty delete still writes a version; counting first keeps a repeated discard free of charge.
            if table.count_rows(f"added_in = {int(release)}"):
                table.delete(f"added_in = {int(release)}")
            if table.count_rows(f"removed_in = {int(release)}"):
                table.update(where=f"removed_in = {int(release)}", values={"removed_in": OPEN_END})

    def set_principals(self, principals: Mapping[str, tuple[str, ...]]) -> None:
        if not principals:
            return
        check_principals(principals)
        readers = defaultdict(list)
        for document, names in principals.items():
            readers[tuple(names)].append(document)
        with self._translated("set principals in"):
            table = self._open()
            if len(readers) <= FEW_READERS:
                for names, documents in readers.items():
                    _update(table, "document_id", documents, "principals", f"make_array({listed(names)})")
                return
            values = pa.array([list(value) for value in principals.values()], pa.list_(pa.string()))
            _merge(table, "document_id", pa.table({"document_id": list(principals), "principals": values}))

    def prune(self, kept: Iterable[int]) -> int:
        spans = runs(kept)
        if not spans:
            raise StoreError(f"pruning {self.collection!r} would keep no release; use drop() to delete the collection")
        seen = " OR ".join(f"(added_in <= {last} AND removed_in > {first})" for first, last in spans)
        dead = f"added_in >= removed_in OR NOT ({seen})"
        with self._translated("prune"):
            table = self._open()
            if count := table.count_rows(dead):
                table.delete(dead)
            return count

    def erase(self, documents: Sequence[str]) -> int:
        """Also rewrites what other deletions left behind, so its cost follows the size of the collection.

        After a crash, or a ``TransientError``, call it again: it purges whether or not rows are left.
        """
        with self._translated("erase from"):
            table = self._open()
            before = self._files.ages()
            gone = 0
            for batch in batched(sorted(set(documents)), IN_NAMES):
                condition = f"document_id IN ({listed(batch)})"
                if count := table.count_rows(condition):
                    table.delete(condition)
                    gone += count
            _rewrite(table, self.vector_index_rows)
            self._files.sweep(before)
            return gone

    def optimize(self) -> None:
        with self._translated("optimize"):
            table = self._open()
            _ensure_indices(table)
            _ensure_vectors(table, self.vector_index_rows)
            table.optimize(cleanup_older_than=READER_GRACE)

    def settle(self) -> None:
        """A search reads what is not folded in."""

    def name_live(self, index: str) -> None:
        """A folder of tables knows no second names."""

    def is_named_live(self, index: str) -> bool:  # noqa: ARG002
        return True

    # -- reading ------------------------------------------------------------------------------------------------------

    def count(self, release: int) -> int:
        return self._read("count", lambda table: table.count_rows(visible(release)))

    def staged(self, release: int) -> tuple[int, int]:
        return self._read(
            "count",
            lambda table: (
                table.count_rows(f"added_in = {int(release)}"),
                table.count_rows(f"removed_in = {int(release)}"),
            ),
        )

    def rows(
        self, release: int | None = None, *, added_in: int | None = None, vectors: bool = False
    ) -> Iterator[IndexRow]:
        conditions = [] if release is None else [visible(release)]
        if added_in is not None:
            conditions.append(f"added_in = {int(added_in)}")
        with self._translated("read"):
            yield from scan(self._open(), " AND ".join(conditions), vectors)

    def document_rows(self, documents: Sequence[str], release: int) -> Iterator[IndexRow]:
        with self._translated("read"):
            table = self._open()
            for batch in batched(sorted(set(documents)), IN_NAMES):
                yield from scan(table, f"document_id IN ({listed(batch)}) AND {visible(release)}")

    def get(self, ids: Sequence[str]) -> list[IndexRow]:
        def read(table: Table) -> list[IndexRow]:
            return [
                row for batch in batched(sorted(set(ids)), IN_NAMES) for row in scan(table, f"id IN ({listed(batch)})")
            ]

        return self._read("read", read)

    def search(self, query: Query) -> list[Hit]:
        def ask() -> list[Hit]:
            version = None if self._pinned is None else self._pinned.version
            return search(self._readers, self.collection, version, query)

        return self._again("search", ask)

    # -- the boundary -------------------------------------------------------------------------------------------------

    @cached_property
    def _db(self) -> lancedb.db.DBConnection:
        return lancedb.connect(self.url, storage_options=self._options)

    @cached_property
    def _readers(self) -> AsyncConnection:
        return connected(self.url, self._options)

    @property
    def _options(self) -> dict[str, str] | None:
        return {"allow_http": "true"} if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://") else None

    @cached_property
    def _files(self) -> TableFiles:
        return TableFiles(self.url, self.collection)

    def _open(self) -> Table:
        """A handle of its own on the newest version (0.3 ms): it never moves under the method that uses it.

        A ``writer`` keeps to the one that it was given.
        """
        if self._pinned is not None:  # a table without rows is false
            return self._pinned
        return self._db.open_table(self.collection)

    def _read(self, action: str, work: Callable[[Table], T]) -> T:
        return self._again(action, lambda: work(self._open()))

    def _again(self, action: str, work: Callable[[], T]) -> T:
        """Run ``work``; once more on the then newest version where an erasure swept the files away under it."""
        with self._translated(action):
            try:
                return work()
            except (RuntimeError, OSError, ValueError) as error:
                if isinstance(error, PenstockError) or is_missing_table(error) or not says(error, VANISHED):
                    raise
            return work()

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        try:
            yield
        except PenstockError:
            raise
        except (RuntimeError, OSError, ValueError, pa.ArrowException) as error:
            raise explain(error, action, self.collection, self.url) from error


# -- upkeep -----------------------------------------------------------------------------------------------------------


def _ensure_indices(table: Table) -> None:
    present = {name for index in table.list_indices() for name in index.columns}
    if "text" not in present:
        table.create_index("text", config=WORDS)
    declared = fields(table.schema)
    valued = {value_column(name, type_): COMPARED[type_] for name, type_ in declared.items() if type_ in COMPARED}
    for column, config in (LOOKED_UP | valued).items():
        if column not in present:
            table.create_index(column, config=config)


def _ensure_vectors(table: Table, least_rows: int) -> None:
    """IVF_FLAT: new rows are appended without a graph to mend, and distances are exact."""
    present = [index for index in table.list_indices() if index.columns == ["vector"]]
    if table.count_rows() >= least_rows and all((index.num_segments or 1) > MAX_SEGMENTS for index in present):
        table.create_index("vector", config=IvfFlat(distance_type="dot", num_partitions=PARTITIONS), replace=True)


def _rewrite(table: Table, least_rows: int) -> None:
    """Move every row to new files and leave only the newest version.

    A delete only marks rows, and Lance rewrites a file by itself only when a tenth of it is marked. Search structures
    are trained anew because the old ones hold words and vectors. Files that no version names are left alone here:
    Lance's ``delete_unverified`` would break a write that is under way, and with it the table.
    """
    table.update(values_sql={"added_in": "added_in"})
    for index in table.list_indices():
        table.drop_index(index.name)
    _ensure_indices(table)
    _ensure_vectors(table, least_rows)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"optimize\(cleanup_older_than=0\)")
        for _ in range(2):  # Lance drops old versions before it folds rows in, which makes another version
            table.optimize(cleanup_older_than=timedelta(0))
    if len(table.list_versions()) > 1:
        raise TransientError("an older version of the table is still there; another process wrote meanwhile, try again")


# -- writing rows ---------------------------------------------------------------------------------------------------


def _update(table: Table, key: str, names: Iterable[str], column: str, value: str) -> None:
    """Set one column of the rows named by ``key``. Looks them up, where a merge would read every row there is."""
    for batch in batched(sorted(set(names)), IN_NAMES):
        table.update(where=f"{key} IN ({listed(batch)})", values_sql={column: value})


def _merge(table: Table, key: str, data: pa.Table, *, insert: bool = False) -> None:
    merge = table.merge_insert(key).when_matched_update_all()
    result = (merge.when_not_matched_insert_all() if insert else merge).execute(data)
    taken = result.num_inserted_rows + result.num_updated_rows
    if insert and taken != data.num_rows:
        names = data.column(key).to_pylist()
        present = set(_ids(table, names))
        missing = [name for name in names if name not in present]
        raise StoreError(f"the store took {taken} of {data.num_rows} rows; missing are: {', '.join(missing)}")


def _ids(table: Table, names: Sequence[str]) -> Iterator[str]:
    for batch in batched(names, IN_NAMES):
        yield from table.search().where(f"id IN ({listed(batch)})").select(["id"]).to_arrow()["id"].to_pylist()
