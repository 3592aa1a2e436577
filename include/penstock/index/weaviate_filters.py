"""A filter as Weaviate's. Its negation is of the rows found, so that a row without a value satisfies it."""

from __future__ import annotations

import json
import sys
from typing import Any

from weaviate.classes.query import Filter

from penstock.filters.tree import And, Comparison, Condition
from penstock.index.weaviate_schema import value_property


def stored(value: str) -> str:
    """Text as it is stored where it is filtered on: the server compares without the blanks around it.

    What would be changed by that is stored in quotes, and so is what begins with one, so that no two values meet.

    >>> stored("a"), stored(" a"), stored("")
    ('a', '" a"', '""')
    """
    return json.dumps(value, ensure_ascii=False) if value != value.strip() or value[:1] in ("", '"') else value


def compiled(condition: Condition) -> Any:
    if not isinstance(condition, Comparison):
        join = Filter.all_of if isinstance(condition, And) else Filter.any_of
        return join([compiled(part) for part in condition.parts])
    return Filter.not_(_comparison(condition)) if condition.negated else _comparison(condition)


def _comparison(one: Comparison) -> Any:
    asked = Filter.by_property(value_property(one.field, one.type))
    values: list[Any] = [stored(value) if isinstance(value, str) else value for value in one.values]
    match one.operator:
        case "<":
            return asked.less_than(values[0])
        case "<=":
            return asked.less_or_equal(values[0])
        case ">":
            return asked.greater_than(values[0])
        case ">=":
            return asked.greater_or_equal(values[0])
        case "exists":
            return _exists(asked, one)
    return asked.contains_any(values)


def _exists(asked: Any, one: Comparison) -> Any:
    """That there is a value at all. The server could keep a list of nulls, but only in collections made for it."""
    if one.type == "number":
        return asked.greater_or_equal(-sys.float_info.max)
    return asked.greater_or_equal(-(2**53)) if one.type == "date" else asked.like("*")
