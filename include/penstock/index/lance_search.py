"""Search in one version of a Lance table: two rankings under one filter, fused, and only then the rows themselves.

What waits for Lance is a coroutine: a search goes to LanceDB's loop and back twice, and not for each call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import lancedb
import numpy as np
import pyarrow as pa
from lancedb.background_loop import LOOP

from penstock.index.lance_filters import sql
from penstock.index.lance_rows import columns, dimension, fields, from_arrow, listed, visible
from penstock.index.rules import check_query, depth_of, fused, readers
from penstock.records import Hit, Query

if TYPE_CHECKING:
    from lancedb import AsyncConnection
    from lancedb.query import AsyncFTSQuery, AsyncStandardQuery, AsyncVectorQuery
    from lancedb.table import AsyncTable

PARTITIONS = 16
"""All of them are probed, so answers stay exact; they spread the work over cores. More took longer to train (16: 1.2 s
for 100,000 rows; 316: 9 s) and answered no faster."""

MEASURES: Mapping[str, tuple[str, Callable[[float], float]]] = {
    "vector": ("_distance", lambda distance: 1.0 - distance),
    "text": ("_score", float),
}
"""What Lance calls the measure of a search, and the score that it makes."""

Ranking = dict[str, tuple[float, int]]
"""Row id → its score and its address in the table, best first."""
T = TypeVar("T")


def connected(url: str, options: dict[str, str] | None) -> AsyncConnection:
    """A connection for searches, whose answers are awaited."""
    return _wait(lancedb.connect_async(url, storage_options=options))


def search(connection: AsyncConnection, collection: str, version: int | None, query: Query) -> list[Hit]:
    """See ``VectorIndex.search``. ``version``: that of the table, or none for the newest."""
    table, schema, found = _wait(_candidates(connection, collection, version, query))
    rankings = {name: _ranking(found[name], *MEASURES[name]) if name in found else {} for name in _asked(query)}
    scores = {name: {id_: score for id_, (score, _) in ranking.items()} for name, ranking in rankings.items()}
    if query.mode == "hybrid":
        order = fused(scores["vector"], scores["text"], query.vector_weight)[: query.k]
    else:
        order = list(scores[query.mode].items())
    if not order:
        return []
    addresses = {id_: address for ranking in rankings.values() for id_, (_, address) in ranking.items()}
    taken = _wait(_taken(table, schema, [addresses[id_] for id_, _ in order]))
    rows = {row.id: row for row in from_arrow(taken)}
    return [Hit(rows[id_], score, {name: of[id_] for name, of in scores.items() if id_ in of}) for id_, score in order]


def _wait(work: Coroutine[Any, Any, T]) -> T:
    """Have LanceDB's own loop do it; after a fork that is another."""
    done: T = LOOP.run(work)  # type: ignore[no-untyped-call]
    return done


def _asked(query: Query) -> tuple[str, ...]:
    return ("vector", "text") if query.mode == "hybrid" else (query.mode,)


async def _candidates(
    connection: AsyncConnection, collection: str, version: int | None, query: Query
) -> tuple[AsyncTable, pa.Schema, dict[str, pa.Table]]:
    """The table, its schema, and by ranking the id, measure and address of each candidate; both searches at once."""
    table = await connection.open_table(collection)
    if version is not None:
        await table.checkout(version)
    schema = await table.schema()
    check_query(query, dimension(schema), fields(schema))
    condition, depth = _condition(query), depth_of(query) if query.mode == "hybrid" else query.k
    builders = {"vector": _nearest, "text": _matching}
    names = [name for name in _asked(query) if name != "text" or query.text.strip()]
    each = (_found(builders[name](table, query), condition, depth, MEASURES[name][0]) for name in names)
    return table, schema, dict(zip(names, await asyncio.gather(*each), strict=True))


async def _found(asked: AsyncStandardQuery, condition: str, k: int, measure: str) -> pa.Table:
    """Names and addresses alone: the texts of two hundred candidates cost more than finding them."""
    return await asked.where(condition).limit(k).select(["id", measure]).with_row_id().to_arrow()


async def _taken(table: AsyncTable, schema: pa.Schema, addresses: list[int]) -> pa.Table:
    return await table.take_row_ids(addresses).select(columns(schema)).to_arrow()


def _condition(query: Query) -> str:
    conditions = [
        visible(query.release),
        f"array_has_any(principals, make_array({listed(readers(query.principals))}))",
        *([sql(query.where)] if query.where else ()),
    ]
    return " AND ".join(conditions)


def _nearest(table: AsyncTable, query: Query) -> AsyncVectorQuery:
    """By dot product. Without ``nprobes`` a filter would hide rows in partitions that are not probed."""
    nearest = table.query().nearest_to(np.asarray(query.vector, np.float32)).column("vector")
    return nearest.distance_type("dot").nprobes(PARTITIONS)


def _matching(table: AsyncTable, query: Query) -> AsyncFTSQuery:
    """By BM25 among the rows that hold any of the words; Lance takes a string as words, never as syntax."""
    return table.query().nearest_to_text(query.text, columns="text")


def _ranking(found: pa.Table, measure: str, score: Callable[[float], float]) -> Ranking:
    names, measures, addresses = (found.column(name).to_pylist() for name in ("id", measure, "_rowid"))
    ranked = sorted(zip(names, map(score, measures), addresses, strict=True), key=lambda one: (-one[1], one[0]))
    return {name: (value, address) for name, value, address in ranked}
