"""The index on a Weaviate server: one collection per generation, written under a name that can be taken away.

Every row is an object whose UUID is the row's id, so whatever is written again replaces itself. Rows are changed in
place by the server, property by property, so two that change different things of one row lose nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import httpx
from weaviate.classes.aggregate import Metrics
from weaviate.classes.config import ConsistencyLevel
from weaviate.classes.query import Filter
from weaviate.exceptions import WeaviateBaseError

from penstock.batching import batched
from penstock.errors import PenstockError, StoreError, TransientError
from penstock.filters.values import FieldType
from penstock.index import weaviate_schema as schema
from penstock.index.rules import Fields, check_principals, check_query, check_rows
from penstock.index.weaviate_names import Names
from penstock.index.weaviate_rows import (
    IN_NAMES,
    as_uuid,
    equal,
    from_object,
    hidden,
    in_slots,
    of_documents,
    rows_of,
    unseen,
    visible,
)
from penstock.index.weaviate_search import search
from penstock.index.weaviate_server import Server
from penstock.index.weaviate_writing import change, delete, insert
from penstock.records import NOBODY, OPEN_END, Hit, IndexRow, Query

if TYPE_CHECKING:
    from weaviate.collections import Collection

GAPS = 50
"""Gaps between kept releases in one filter."""
PAGE = 1_000
"""Rows that a page of a scan is cut to hold; one that holds twice as many is cut again."""
POLL_S = 0.2


class WeaviateIndex:
    """``VectorIndex`` over the collection ``name`` of a server. Threads may share it, processes may not."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.collection = name
        self._names = Names(server, name)
        self._writes_as: str | None = None
        self._shape: tuple[int, dict[str, FieldType]] | None = None

    # -- making and dropping ------------------------------------------------------------------------------------------

    def create(self, dimension: int, fields: Fields) -> None:
        with self.server.translated("create", self.collection):
            physical = self._names.find() or self._make(dimension, fields)
            have = schema.found(self.server.client.collections.use(physical).config.get())
            if wrong := schema.differences(have, schema.wanted(dimension, fields, self.server.settings)):
                raise StoreError(
                    f"the index {self.collection!r} at {self.server.url} is of another shape: {'; '.join(wrong)}; "
                    "build a new generation beside it (`penstock reindex`)"
                )
            self._shape = None

    def _make(self, dimension: int, fields: Fields) -> str:
        physical = self._names.nth_physical(1)
        if leftover := self._names.physicals():
            physical = leftover[max(leftover)]
            rows = self._use(physical).aggregate.over_all(total_count=True).total_count
            if rows:
                raise StoreError(
                    f"{physical} at {self.server.url} holds {rows} rows, but no alias {self._names.reading} leads to "
                    "it; make that alias again, or delete the collection"
                )
        else:
            schema.create(self.server.client, physical, dimension, fields, self.server.settings)
        self._names.lead(self._names.reading, physical)
        return physical

    def exists(self) -> bool:
        with self.server.translated("look for", self.collection):
            return self._names.find() is not None

    def drop(self) -> None:
        with self.server.translated("drop", self.collection):
            self._names.fence()
            for physical in self._names.physicals().values():
                self.server.client.collections.delete(physical)
            self.server.client.alias.delete(alias_name=self._names.reading)
            self._shape = None

    def writer(self) -> WeaviateIndex:
        one = WeaviateIndex(self.server, self.collection)
        with self.server.translated("open", self.collection):
            one._writes_as = self._names.writing()
        return one

    def fence(self) -> None:
        with self.server.translated("fence", self.collection):
            self._names.fence()

    # -- writing ------------------------------------------------------------------------------------------------------

    def add(self, rows: Sequence[IndexRow]) -> None:
        with self._writing("add to") as collection:
            check_rows(rows, *self._of_shape())
            if odd := [row.id for row in rows if as_uuid(row.id) is None]:
                raise StoreError(f"{len(odd)} rows have ids that are no UUIDs, none was written: {', '.join(odd[:10])}")
            insert(collection, {row.id: row for row in rows}.values(), self._of_shape()[1])

    def retire(self, ids: Sequence[str], release: int) -> None:
        with self._writing("retire rows of") as collection:
            change(collection, "removed_in", [(row, int(release)) for row in self._get(ids)], OPEN_END)

    def discard(self, release: int) -> None:
        with self._writing("discard a release of") as collection:
            delete(collection, equal("added_in", release))
            reopened = [(row, OPEN_END) for row in self._scan(equal("removed_in", release))]
            change(collection, "removed_in", reopened, int(release))

    def set_principals(self, principals: Mapping[str, tuple[str, ...]]) -> None:
        if not principals:
            return
        check_principals(principals)
        with self._writing("set principals in") as collection:
            for names in batched(sorted(principals), IN_NAMES):
                rows = [(row, list(principals[row.document_id])) for row in self._scan(of_documents(names))]
                change(collection, "principals", rows, [NOBODY])

    def prune(self, kept: Iterable[int]) -> int:
        kept = list(kept)
        if not kept:
            raise StoreError(f"pruning {self.collection!r} would keep no release; use drop() to delete the collection")
        with self._writing("prune") as collection:
            return sum(delete(collection, dead) for dead in unseen(kept, GAPS))

    def erase(self, documents: Sequence[str]) -> int:
        """Also rewrites the collection, so its cost follows its size.

        A deleted object stays in the server's files until it happens to merge them; only with its collection it goes
        at once. After a crash call it again: it rewrites whether or not rows are left.
        """
        with self.server.translated("erase from", self.collection):
            self._names.fence()
            collection = self._use(self._names.physical())
            gone = 0
            for names in batched(sorted(set(documents)), IN_NAMES):
                gone += delete(collection, of_documents(names))
            self._rewrite(without=set(documents))
            return gone

    def _rewrite(self, without: AbstractSet[str]) -> None:
        """Copy every other row to a new collection, lead every name there, and drop the old one with its files."""
        client, names = self.server.client, self._names
        old = names.physical()
        numbers = {name: number for number, name in names.physicals().items()}
        for name in numbers.keys() - {old}:  # of a rewriting that was interrupted
            client.collections.delete(name)
        new = names.nth_physical(max(numbers.values()) + 1)
        schema.create(client, new, *self._of_shape(), self.server.settings)
        copy, copied = self._use(new), 0
        for batch in batched((row for row in self._scan(None, True) if row.document_id not in without), PAGE):
            insert(copy, batch, self._of_shape()[1])
            copied += len(batch)
        if (held := copy.aggregate.over_all(total_count=True).total_count) != copied:
            raise TransientError(f"{new} holds {held} of the {copied} rows of {old}; erase again")
        self._settle(new)
        for alias in client.alias.list_all(collection=old):
            names.lead(alias, new)
        client.collections.delete(old)

    def optimize(self) -> None:
        """The server folds in by itself."""
        with self.server.translated("optimize", self.collection):
            self._names.physical()

    def settle(self) -> None:
        with self.server.translated("wait for", self.collection):
            self._settle(self._names.physical())

    def _settle(self, physical: str) -> None:
        deadline = time.monotonic() + self.server.settings.settle_s
        while queued := self._queued(physical):
            if time.monotonic() > deadline:
                raise TransientError(
                    f"{queued} vectors of {self.collection!r} are still not indexed after "
                    f"{self.server.settings.settle_s:g} s (weaviate.settle_s); nothing was published, try again"
                )
            time.sleep(POLL_S)

    def _queued(self, physical: str) -> int:
        nodes = self.server.client.cluster.nodes(collection=physical, output="verbose")
        return sum(shard.vector_queue_length for node in nodes for shard in node.shards or ())

    def name_live(self, index: str) -> None:
        with self.server.translated("name", self.collection):
            physical = self._names.physical()
            if not self.is_named_live(index):
                self._names.lead(self._names.live(index), physical)

    def is_named_live(self, index: str) -> bool:
        with self.server.translated("name", self.collection):
            return self._names.target(self._names.live(index)) == self._names.physical()

    # -- reading ------------------------------------------------------------------------------------------------------

    def count(self, release: int) -> int:
        with self._reading("count"):
            return self._count_seen(release)

    def staged(self, release: int) -> tuple[int, int]:
        with self._reading("count"):
            return self._count(equal("added_in", release)), self._count(equal("removed_in", release))

    def rows(
        self, release: int | None = None, *, added_in: int | None = None, vectors: bool = False
    ) -> Iterator[IndexRow]:
        conditions = [] if release is None else [visible(release)]
        if added_in is not None:
            conditions.append(equal("added_in", added_in))
        with self._reading("read"):
            yield from self._scan(Filter.all_of(conditions) if conditions else None, vectors)

    def document_rows(self, documents: Sequence[str], release: int) -> Iterator[IndexRow]:
        with self._reading("read"):
            self._names.physical()
            for names in batched(sorted(set(documents)), IN_NAMES):
                yield from self._scan(of_documents(names) & visible(release))

    def get(self, ids: Sequence[str]) -> list[IndexRow]:
        with self._reading("read"):
            self._names.physical()
            return list(self._get(ids))

    def _get(self, ids: Sequence[str]) -> Iterator[IndexRow]:
        return rows_of(self._use(), sorted({id_ for id_ in ids if as_uuid(id_)}))

    def search(self, query: Query) -> list[Hit]:
        with self._reading("search") as collection:
            check_query(query, *self._of_shape())
            return search(collection, query)

    def _scan(self, condition: Any, vectors: bool = False) -> Iterator[IndexRow]:
        """Every row that the filter finds, by equal shares of their ids.

        The server's own cursor takes no filter, and also shows what a killed server kept and no filter finds.
        """
        parts = max(1, -(-self._count(condition) // PAGE))
        for part in range(parts):
            yield from self._page(condition, part, parts, vectors)

    def _page(self, condition: Any, part: int, parts: int, vectors: bool) -> Iterator[IndexRow]:
        share = in_slots(part, parts)
        filters = share if condition is None else condition & share
        found = self._use().query.fetch_objects(filters=filters, limit=2 * PAGE, include_vector=vectors)
        if len(found.objects) < 2 * PAGE:
            yield from map(from_object, found.objects)
            return
        for half in (2 * part, 2 * part + 1):
            yield from self._page(condition, half, 2 * parts, vectors)

    def _count_seen(self, release: int) -> int:
        """All rows less those that the release does not see: the server reads every row that it counts under a filter.

        Counting all takes no filter, and so counts what a killed server kept and no filter finds. Where the indexes of
        both numbers do not hold as many, what the filter finds is counted after all.
        """
        numbers = [Metrics(name).integer(count=True) for name in ("added_in", "removed_in")]
        every = self._use().aggregate.over_all(total_count=True, return_metrics=numbers)
        total = every.total_count or 0
        if any(getattr(one, "count", None) != total for one in every.properties.values()):
            return self._count(visible(release))
        return total - self._count(hidden(release))

    def _count(self, condition: Any) -> int:
        return self._use().aggregate.over_all(filters=condition, total_count=True).total_count or 0

    # -- the boundary -------------------------------------------------------------------------------------------------

    def _use(self, name: str | None = None) -> Collection[Any, Any]:
        level = ConsistencyLevel[self.server.settings.consistency.upper()]
        return self.server.client.collections.use(name or self._names.reading).with_consistency_level(level)

    def _of_shape(self) -> tuple[int, dict[str, FieldType]]:
        """Dimension and fields. They never change while the collection stands."""
        if self._shape is None:
            config = self.server.client.collections.use(self._names.physical()).config.get()
            self._shape = schema.dimension(config), schema.fields(config)
        return self._shape

    @contextmanager
    def _reading(self, action: str) -> Iterator[Collection[Any, Any]]:
        with self.server.translated(action, self.collection):
            try:
                yield self._use()
            except (WeaviateBaseError, httpx.HTTPError, grpc.RpcError):
                self._names.physical()  # says so where there is none
                raise

    @contextmanager
    def _writing(self, action: str) -> Iterator[Collection[Any, Any]]:
        """The collection under the name that this handle writes under, for as long as nobody was faster."""
        with self.server.translated(action, self.collection):
            alias = self._writes_as or self._names.reading
            self._names.require_open(alias)
            self._names.physical()
            try:
                yield self._use(alias)
            except (PenstockError, WeaviateBaseError, httpx.HTTPError, grpc.RpcError):
                self._names.require_open(alias)
                raise
