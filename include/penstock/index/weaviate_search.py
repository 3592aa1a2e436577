"""Search in a Weaviate collection: the server filters and ranks; rankings are fused here, as for every other store.

The server could fuse them itself, in one request. But its relative score gives the worst of the texts that hold the
words nothing, even where three hold them and no other does, and its ranked fusion does not say what the scores were.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from weaviate.classes.query import MetadataQuery

from penstock.index.rules import depth_of, fused, readers
from penstock.index.weaviate_rows import of_query, rows_of
from penstock.index.weaviate_schema import VECTOR
from penstock.records import Hit, Query

if TYPE_CHECKING:
    from weaviate.collections import Collection

SEARCHED = ["text"]

Scores = dict[str, float]
"""By row id."""


def search(collection: Collection[Any, Any], query: Query) -> list[Hit]:
    """See ``VectorIndex.search``. What the query may ask was checked before."""
    if query.mode == "hybrid":
        depth = depth_of(query)
        with ThreadPoolExecutor(1, thread_name_prefix="search") as beside:
            matching = beside.submit(_matching, collection, query, depth)
            found = {"vector": _nearest(collection, query, depth), "text": matching.result()}
        return _hits(collection, query, found, fused(found["vector"], found["text"], query.vector_weight))
    alone = (_nearest if query.mode == "vector" else _matching)(collection, query, query.k)
    order = sorted(alone.items(), key=lambda one: (-one[1], one[0]))
    return _hits(collection, query, {query.mode: alone}, order)


def _nearest(collection: Collection[Any, Any], query: Query, k: int) -> Scores:
    found = collection.query.near_vector(
        [float(number) for number in query.vector],
        target_vector=VECTOR,
        filters=of_query(query),
        limit=k,
        return_properties=[],
        return_metadata=MetadataQuery(distance=True),
    )
    return {str(one.uuid): -(one.metadata.distance or 0.0) for one in found.objects}


def _matching(collection: Collection[Any, Any], query: Query, k: int) -> Scores:
    """The k best by BM25 among the rows that hold any of the words."""
    if not any(character.isalnum() for character in query.text):
        return {}  # the server takes a question without a word for a mistake
    found = collection.query.bm25(
        query.text,
        query_properties=SEARCHED,
        filters=of_query(query),
        limit=k,
        return_properties=[],
        return_metadata=MetadataQuery(score=True),
    )
    return {str(one.uuid): one.metadata.score or 0.0 for one in found.objects}


def _hits(
    collection: Collection[Any, Any], query: Query, found: dict[str, Scores], order: Sequence[tuple[str, float]]
) -> list[Hit]:
    """The best rows of ``order`` with its scores, each with those of the searches that found it.

    One that was closed to this reader after the filter had passed it is no answer.
    """
    best = order[: query.k]
    who = set(readers(query.principals))
    rows = {row.id: row for row in rows_of(collection, [id_ for id_, _ in best]) if who & set(row.principals)}
    return [
        Hit(rows[id_], score, {name: scores[id_] for name, scores in found.items() if id_ in scores})
        for id_, score in best
        if id_ in rows
    ]
