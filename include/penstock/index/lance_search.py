"""Search in one version of a Lance table: two rankings under one filter, fused, and only then the rows themselves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from penstock.index.lance_filters import sql
from penstock.index.lance_rows import columns, dimension, fields, from_arrow, listed, visible
from penstock.index.rules import check_query, depth_of, fused, readers
from penstock.records import Hit, Query

if TYPE_CHECKING:
    from lancedb.query import LanceVectorQueryBuilder
    from lancedb.table import Table

PARTITIONS = 16
"""All of them are probed, so answers stay exact; they spread the work over cores. More took longer to train (16: 1.2 s
for 100,000 rows; 316: 9 s) and answered no faster."""

Ranking = dict[str, tuple[float, int]]
"""Row id → its score and its address in the table, best first."""


def search(table: Table, query: Query) -> list[Hit]:
    """See ``VectorIndex.search``."""
    schema = table.schema
    check_query(query, dimension(schema), fields(schema))
    condition = _condition(query)
    if query.mode != "hybrid":
        alone = (_nearest if query.mode == "vector" else _matching)(table, query, condition, query.k)
        return _hits(table, schema, {query.mode: alone}, [(name, score) for name, (score, _) in alone.items()])
    depth = depth_of(query)
    with ThreadPoolExecutor(1, thread_name_prefix="search") as beside:
        matching = beside.submit(_matching, table, query, condition, depth)
        found = {"vector": _nearest(table, query, condition, depth), "text": matching.result()}
    scores = {name: {id_: score for id_, (score, _) in ranking.items()} for name, ranking in found.items()}
    return _hits(table, schema, found, fused(scores["vector"], scores["text"], query.vector_weight)[: query.k])


def _condition(query: Query) -> str:
    conditions = [
        visible(query.release),
        f"array_has_any(principals, make_array({listed(readers(query.principals))}))",
        *([sql(query.where)] if query.where else ()),
    ]
    return " AND ".join(conditions)


def _nearest(table: Table, query: Query, condition: str, k: int) -> Ranking:
    """The k nearest by dot product. Without ``nprobes`` a filter would hide rows in partitions that are not probed."""
    nearest = table.search(np.asarray(query.vector, np.float32), vector_column_name="vector", query_type="vector")
    found = cast("LanceVectorQueryBuilder", nearest).distance_type("dot").nprobes(PARTITIONS)
    return _ranking(found.where(condition, prefilter=True).limit(k), "_distance", lambda distance: 1.0 - distance)


def _matching(table: Table, query: Query, condition: str, k: int) -> Ranking:
    """The k best by BM25 among the rows that hold any of the words; Lance takes a string as words, never as syntax."""
    if not query.text.strip():
        return {}
    found = table.search(query.text, query_type="fts", fts_columns="text")
    return _ranking(found.where(condition, prefilter=True).limit(k), "_score", float)


def _ranking(found: Any, measure: str, score: Any) -> Ranking:
    """Names and addresses alone: the texts of two hundred candidates cost more than finding them."""
    candidates = found.select(["id", measure]).with_row_id(True).to_arrow()
    names, measures, addresses = (candidates.column(name).to_pylist() for name in ("id", measure, "_rowid"))
    ranked = sorted(zip(names, map(score, measures), addresses, strict=True), key=lambda one: (-one[1], one[0]))
    return {name: (value, address) for name, value, address in ranked}


def _hits(table: Table, schema: pa.Schema, found: dict[str, Ranking], order: list[tuple[str, float]]) -> list[Hit]:
    """The rows of ``order`` with its scores, each with those of the searches that found it."""
    if not order:
        return []
    addresses = {id_: address for ranking in found.values() for id_, (_, address) in ranking.items()}
    taken = table.take_row_ids([addresses[id_] for id_, _ in order]).select(columns(schema)).to_arrow()
    rows = {row.id: row for row in from_arrow(taken)}
    return [
        Hit(rows[id_], score, {name: ranking[id_][0] for name, ranking in found.items() if id_ in ranking})
        for id_, score in order
    ]
