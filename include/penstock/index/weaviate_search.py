"""Search in a Weaviate collection: two rankings under one filter, fused, and only then the rows themselves.

The server's own fusion is not used: it ranks from 0 where this and the other backends rank from 1, and an answer must
not change because an index moved.
"""

from __future__ import annotations

from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from weaviate.classes.query import Filter, MetadataQuery

from penstock.index.rules import readers, reciprocal_rank
from penstock.index.weaviate_rows import from_object, of_query
from penstock.index.weaviate_schema import VECTOR
from penstock.records import Hit, Query

if TYPE_CHECKING:
    from weaviate.collections import Collection

CANDIDATES = 100
"""Depth of each ranking before fusion, as in the other backends."""
Ranking = dict[str, float]
"""Row id → its score, best first."""


def search(collection: Collection[Any, Any], query: Query, beside: Executor) -> list[Hit]:
    """See ``VectorIndex.search``. What the query may ask was checked before; ``beside`` runs the other half of it."""
    condition = of_query(query)
    if query.mode == "vector":
        return _hits(collection, query, _nearest(collection, query, condition, query.k))
    if query.mode == "text":
        return _hits(collection, query, _matching(collection, query, condition, query.k))
    depth = max(CANDIDATES, 2 * query.k)
    matching = beside.submit(_matching, collection, query, condition, depth)
    halves = (_nearest(collection, query, condition, depth), matching.result())
    return _hits(collection, query, dict(reciprocal_rank([list(half) for half in halves])[: query.k]))


def _nearest(collection: Collection[Any, Any], query: Query, condition: Any, k: int) -> Ranking:
    found = collection.query.near_vector(
        [float(number) for number in query.vector],
        target_vector=VECTOR,
        filters=condition,
        limit=k,
        return_properties=[],
        return_metadata=MetadataQuery(distance=True),
    )
    return _ranked((str(one.uuid), -(one.metadata.distance or 0.0)) for one in found.objects)


def _matching(collection: Collection[Any, Any], query: Query, condition: Any, k: int) -> Ranking:
    """The k best by BM25 among the rows that hold any of the words."""
    if not any(character.isalnum() for character in query.text):
        return {}  # the server takes a question without a word for a mistake
    found = collection.query.bm25(
        query.text,
        query_properties=["text"],
        filters=condition,
        limit=k,
        return_properties=[],
        return_metadata=MetadataQuery(score=True),
    )
    return _ranked((str(one.uuid), one.metadata.score or 0.0) for one in found.objects)


def _ranked(scored: Any) -> Ranking:
    return dict(sorted(scored, key=lambda one: (-one[1], one[0])))


def _hits(collection: Collection[Any, Any], query: Query, ranking: Ranking) -> list[Hit]:
    """The rows of a ranking, in its order. What was deleted or closed to this reader meanwhile is no answer."""
    if not ranking:
        return []
    who = set(readers(query.principals))
    named = Filter.by_id().contains_any(list(ranking))
    found = collection.query.fetch_objects(filters=named, limit=len(ranking))
    rows = {row.id: row for row in map(from_object, found.objects) if who & set(row.principals)}
    return [Hit(rows[name], score) for name, score in ranking.items() if name in rows]
