"""A filter as Lance's SQL. Names of columns are ours, every value is a literal, and null satisfies nothing."""

from __future__ import annotations

from penstock.filters.tree import And, Comparison, Condition
from penstock.filters.values import Value
from penstock.index.lance_rows import quoted, value_column


def sql(condition: Condition) -> str:
    """Two-valued, as ``filters.tree`` has it; in parentheses, so that what is joined to it stays outside."""
    if isinstance(condition, Comparison):
        return _comparison(condition)
    joint = " AND " if isinstance(condition, And) else " OR "
    return f"({joint.join(map(sql, condition.parts))})"


def _comparison(one: Comparison) -> str:
    name = f"`{value_column(one.field, one.type)}`"
    if one.operator == "exists":
        return f"{name} IS {'NULL' if one.negated else 'NOT NULL'}"
    literals = [_literal(one, value) for value in one.values]
    if one.operator != "in":
        asked = f"{name} {one.operator} {literals[0]}"
    elif one.type == "texts":
        asked = f"array_has_any({name}, make_array({', '.join(literals)}))"
    else:
        asked = f"{name} = {literals[0]}" if len(literals) == 1 else f"{name} IN ({', '.join(literals)})"
    return f"({name} IS NULL OR NOT {asked})" if one.negated else asked


def _literal(one: Comparison, value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    return f"CAST({value:d} AS timestamp(3))" if one.type == "date" else repr(float(value))
