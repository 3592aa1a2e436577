"""What holds for every backend of the port: who a caller may be, what a row must look like, how two rankings fuse."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from penstock.errors import StoreError, UnknownFieldError, UsageError
from penstock.filters.tree import comparisons
from penstock.filters.values import BUILT_IN, FieldType, typed
from penstock.records import NOBODY, OPEN_END, PUBLIC, Hit, IndexRow, Query
from penstock.source_settings import checked_principals

Fields = Mapping[str, FieldType] | Sequence[str]
"""Declared fields: their types by name, or names alone, which are text."""
MODES = ("hybrid", "vector", "text")
CANDIDATES = 100
"""Depth of each search of a hybrid one, before they are fused; that of a larger ``k`` is ``k``."""


def readers(principals: Iterable[str]) -> tuple[str, ...]:
    """The principals that a search filters on: everybody is ``public`` and nobody is ``nobody``.

    A name that is not text (a lone surrogate) can stand in no store, so it opens nothing and is left out.

    >>> readers(()), readers(("group:a", "nobody"))
    (('public',), ('group:a', 'public'))
    """
    names = {name for name in principals if name.encode(errors="ignore").decode() == name}
    return tuple(sorted({*names, PUBLIC} - {NOBODY}))


def types_of(fields: Fields) -> dict[str, FieldType]:
    return typed(fields)  # type: ignore[return-value]


def check_query(query: Query, dimension: int, fields: Mapping[str, FieldType]) -> None:
    """Raise ``UsageError`` or ``StoreError`` naming what no search can answer."""
    if query.mode not in MODES:
        raise UsageError(f"unknown search mode {query.mode!r}; there are: {', '.join(MODES)}")
    if not 0.0 <= query.vector_weight <= 1.0:
        raise UsageError(f"vector_weight is {query.vector_weight}; it is a share, 0 to 1")
    if query.k < 1:
        raise UsageError(f"k is {query.k}; ask for at least 1 row")
    known = {**BUILT_IN, **fields}
    for one in comparisons(query.where) if query.where else ():
        if one.field not in known:
            raise UnknownFieldError(one.field, known)
        if one.type != known[one.field]:
            raise UsageError(f"the filter takes {one.field!r} for {one.type}; here it is {known[one.field]}")
    if query.mode != "text" and len(query.vector) != dimension:
        raise StoreError(
            f"the query's vector has {len(query.vector)} numbers and the index {dimension}; "
            "embed the query with the embedder that the release names"
        )


def check_rows(rows: Sequence[IndexRow], dimension: int, fields: Collection[str]) -> None:
    """Raise ``StoreError`` naming the ids that a store must not take, before anything is written."""
    problems = [f"{row.id}: {problem}" for row in rows for problem in _problems(row, dimension, fields)]
    if problems:
        shown = "; ".join(problems[:10]) + (f"; and {len(problems) - 10} more" if len(problems) > 10 else "")
        raise StoreError(f"{len(problems)} faults in {len(rows)} rows, none was written: {shown}")


def check_principals(principals: Mapping[str, tuple[str, ...]]) -> None:
    """Raise ``StoreError`` naming the documents whose new principals would not do."""
    problems = [f"{name}: {problem}" for name, value in principals.items() if (problem := _principals_problem(value))]
    if problems:
        raise StoreError(f"principals of {len(problems)} documents will not do: {'; '.join(problems[:10])}")


def _problems(row: IndexRow, dimension: int, fields: Collection[str]) -> Iterable[str]:
    if len(row.vector) != dimension:
        yield f"its vector has {len(row.vector)} numbers, the index {dimension}"
    elif not math.isfinite(sum(row.vector)):
        yield "its vector holds a number that is not finite"
    if problem := _principals_problem(row.principals):
        yield problem
    for name in sorted(set(row.fields) - set(fields)):
        yield f"field {name!r} is not declared; declared are: {', '.join(fields) or 'none'}"
    if not 0 <= row.added_in < row.removed_in <= OPEN_END:
        yield f"no release lies in added_in {row.added_in} <= r < removed_in {row.removed_in}"


def _principals_problem(principals: tuple[str, ...]) -> str:
    try:
        checked_principals(tuple(principals))
    except ValueError as error:
        return str(error)
    return ""


def fused(vector: Mapping[str, float], text: Mapping[str, float], weight: float) -> list[tuple[str, float]]:
    """Fuse the scores by id of a vector search and of a text search: best first, equal ones by id.

    Each search's scores become shares of its best, added up with ``weight`` for the vector search and the rest of 1 for
    the text search: how far one row is ahead of the next counts, not its rank alone (Bruch, Gai and Ingber, "An
    Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023). Cosines of any two texts lie close together, so
    theirs are spread from the worst found to the best; BM25 begins at 0, that of a text without any of the words.

    >>> fused({"a": 0.9, "b": 0.5, "c": 0.1}, {"b": 7.0, "d": 3.5}, 0.5)
    [('b', 0.75), ('a', 0.5), ('d', 0.25), ('c', 0.0)]
    """
    shares = {name: weight * share for name, share in _shares(vector, min(vector.values(), default=0.0)).items()}
    for name, share in _shares(text, 0.0).items():
        shares[name] = shares.get(name, 0.0) + (1 - weight) * share
    return sorted(shares.items(), key=lambda item: (-item[1], item[0]))


def depth_of(query: Query) -> int:
    """How many rows each search that a query consists of puts forward."""
    if query.mode != "hybrid":
        return query.k
    return query.depth or max(CANDIDATES, query.k)


def found_within(hits: Iterable[Hit], query: Query) -> list[Hit]:
    """What ``query`` would find, from what one hybrid search found that looked as deep or deeper and left nothing out.

    That search asks for twice its ``depth``, which no two rankings of that depth exceed, and is for the same text,
    vector, release, readers and filter. Only rows of equal scores at the very end of a ranking may be others.
    """
    rows = {hit.row.id: hit for hit in hits}
    rankings = {
        name: _best({id_: hit.scores[name] for id_, hit in rows.items() if name in hit.scores}, depth_of(query))
        for name in (("vector", "text") if query.mode == "hybrid" else (query.mode,))
    }
    if query.mode == "hybrid":
        order = fused(rankings["vector"], rankings["text"], query.vector_weight)[: query.k]
    else:
        order = list(rankings[query.mode].items())
    return [
        Hit(rows[id_].row, score, {name: ranking[id_] for name, ranking in rankings.items() if id_ in ranking})
        for id_, score in order
    ]


def _best(scores: Mapping[str, float], k: int) -> dict[str, float]:
    return dict(sorted(scores.items(), key=lambda one: (-one[1], one[0]))[:k])


def _shares(scores: Mapping[str, float], lowest: float) -> dict[str, float]:
    highest = max(scores.values(), default=0.0)
    spread = highest - lowest
    return {name: (score - lowest) / spread if spread > 0 else 1.0 for name, score in scores.items()}


def runs(releases: Iterable[int]) -> list[tuple[int, int]]:
    """Consecutive numbers as (first, last), so that a filter's length follows the gaps, not the releases.

    >>> runs([3, 1, 2, 7])
    [(1, 3), (7, 7)]
    """
    found: list[tuple[int, int]] = []
    for number in sorted(set(releases)):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
