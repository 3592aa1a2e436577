"""Filters on what documents' metadata says: a small typed language, read into a tree that each store compiles.

    source = 'handbook' and year >= 2024 and published < 2025-06-01 and not author in ('ann', 'bo')

``language.parse`` reads it against the fields that a release has; ``tree`` is what comes out, and what it means.
"""

from __future__ import annotations

from penstock.filters.language import parse
from penstock.filters.options import equalities, parse_where
from penstock.filters.tree import And, Comparison, Condition, Or, comparisons
from penstock.filters.values import FieldType, unreadable

__all__ = [
    "And",
    "Comparison",
    "Condition",
    "FieldType",
    "Or",
    "comparisons",
    "equalities",
    "parse",
    "parse_where",
    "unreadable",
]
