"""What holds for every backend of the port: who a caller may be, what a row must look like, how two rankings fuse."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from penstock.errors import StoreError, UnknownNameError, UsageError
from penstock.records import NOBODY, OPEN_END, PUBLIC, IndexRow, Query
from penstock.source_settings import checked_principals

FIXED_FILTERS = ("source", "key", "kind")
MODES = ("hybrid", "vector", "text")


def readers(principals: Iterable[str]) -> tuple[str, ...]:
    """The principals that a search filters on: everybody is ``public`` and nobody is ``nobody``.

    A name that is not text (a lone surrogate) can stand in no store, so it opens nothing and is left out.

    >>> readers(()), readers(("group:a", "nobody"))
    (('public',), ('group:a', 'public'))
    """
    names = {name for name in principals if name.encode(errors="ignore").decode() == name}
    return tuple(sorted({*names, PUBLIC} - {NOBODY}))


def check_query(query: Query, dimension: int, fields: Sequence[str]) -> None:
    """Raise ``UsageError`` or ``StoreError`` naming what no search can answer."""
    if query.mode not in MODES:
        raise UsageError(f"unknown search mode {query.mode!r}; there are: {', '.join(MODES)}")
    if not 0.0 <= query.vector_weight <= 1.0:
        raise UsageError(f"vector_weight is {query.vector_weight}; it is a share, 0 to 1")
    if query.k < 1:
        raise UsageError(f"k is {query.k}; ask for at least 1 row")
    for name in query.where:
        if name not in (*FIXED_FILTERS, *fields):
            raise UnknownNameError("field to filter on", name, (*FIXED_FILTERS, *fields))
    if query.mode != "text" and len(query.vector) != dimension:
        raise StoreError(
            f"the query's vector has {len(query.vector)} numbers and the index {dimension}; "
            "embed the query with the embedder that the release names"
        )


def check_rows(rows: Sequence[IndexRow], dimension: int, fields: Sequence[str]) -> None:
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


def _problems(row: IndexRow, dimension: int, fields: Sequence[str]) -> Iterable[str]:
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


def relative_score(searches: Sequence[tuple[float, Mapping[str, float]]]) -> list[tuple[str, float]]:
    """Fuse searches, each a weight and its scores by id: best first, equal ones by id.

    A search's scores are spread over 0 to 1, its worst to its best, and added up by their weights: how far one row is
    ahead of the next counts, not its rank alone (Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
    Retrieval", TOIS 2023; Weaviate's ``relativeScoreFusion``).

    >>> relative_score([(0.6, {"a": 0.9, "b": 0.5, "c": 0.1}), (0.4, {"b": 7.0})])
    [('b', 0.7), ('a', 0.6), ('c', 0.0)]
    """
    fused: dict[str, float] = {}
    for weight, scores in searches:
        lowest, highest = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
        for name, score in scores.items():
            share = (score - lowest) / (highest - lowest) if highest > lowest else 1.0
            fused[name] = fused.get(name, 0.0) + weight * share
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))


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
