"""Search in a Weaviate collection: one request, in which the server filters, ranks, fuses and hands out the rows.

Its relative score fusion is the one of ``rules.relative_score``. Either search goes 100 rows deep under the filter (the
server's ``QUERY_HYBRID_MAXIMUM_RESULTS``, unless its operator changed it), or ``k`` where that is more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from weaviate.classes.query import HybridFusion, MetadataQuery

from penstock.index.rules import readers
from penstock.index.weaviate_rows import from_object, of_query
from penstock.index.weaviate_schema import VECTOR
from penstock.records import Hit, Query

if TYPE_CHECKING:
    from weaviate.collections import Collection

SEARCHED = ["text"]


def search(collection: Collection[Any, Any], query: Query) -> list[Hit]:
    """See ``VectorIndex.search``. What the query may ask was checked before."""
    # The server takes a question without a word for a mistake.
    has_words = any(character.isalnum() for character in query.text)
    if query.mode == "vector":
        return _nearest(collection, query)
    if query.mode == "text":
        return _matching(collection, query) if has_words else []
    return _fused(collection, query, query.vector_weight if has_words else 1.0)


def _nearest(collection: Collection[Any, Any], query: Query) -> list[Hit]:
    found = collection.query.near_vector(
        _vector(query),
        target_vector=VECTOR,
        filters=of_query(query),
        limit=query.k,
        return_metadata=MetadataQuery(distance=True),
    )
    return _hits(query, ((one, -(one.metadata.distance or 0.0)) for one in found.objects))


def _matching(collection: Collection[Any, Any], query: Query) -> list[Hit]:
    """The k best by BM25 among the rows that hold any of the words."""
    found = collection.query.bm25(
        query.text,
        query_properties=SEARCHED,
        filters=of_query(query),
        limit=query.k,
        return_metadata=MetadataQuery(score=True),
    )
    return _hits(query, ((one, one.metadata.score or 0.0) for one in found.objects))


def _fused(collection: Collection[Any, Any], query: Query, alpha: float) -> list[Hit]:
    found = collection.query.hybrid(
        query.text,
        alpha=alpha,
        vector=_vector(query),
        target_vector=VECTOR,
        query_properties=SEARCHED,
        fusion_type=HybridFusion.RELATIVE_SCORE,
        filters=of_query(query),
        limit=query.k,
        return_metadata=MetadataQuery(score=True),
    )
    return _hits(query, ((one, (one.metadata.score or 0.0) / alpha) for one in found.objects))


def _vector(query: Query) -> list[float]:
    return [float(number) for number in query.vector]


def _hits(query: Query, scored: Any) -> list[Hit]:
    """Rows with their scores, best first, and equal ones by id: the same rows always come in the same order.

    One that was closed to this reader after the filter had passed it is no answer.
    """
    who = set(readers(query.principals))
    hits = [Hit(from_object(one), score) for one, score in scored]
    return sorted((hit for hit in hits if who & set(hit.row.principals)), key=lambda hit: (-hit.score, hit.row.id))
