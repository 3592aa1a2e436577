"""What a filter asks, as a tree of plain values, typed: the stores make their own conditions of it.

A document either satisfies a condition or does not; there is no third. One that has no value of the field, or none that
reads as its type, satisfies no comparison, and every negated one: ``year != 2024`` is ``not (year = 2024)``, and true
of a document without a year.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from penstock.filters.values import FieldType, Value

Operator = Literal["in", "<", "<=", ">", ">=", "exists"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One field compared: with any of ``values`` (``in``; equality is of one), with one of them, or with none (exists).

    A value of type texts is a set: ``in`` asks whether it holds any of them. ``negated`` says the opposite.
    """

    field: str
    type: FieldType
    operator: Operator
    values: tuple[Value, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Condition, ...]


Condition: TypeAlias = And | Or | Comparison


def negation(condition: Condition) -> Condition:
    """The opposite, with every ``not`` at a comparison (De Morgan), so that a store meets it nowhere else."""
    if isinstance(condition, Comparison):
        return replace(condition, negated=not condition.negated)
    return (Or if isinstance(condition, And) else And)(tuple(map(negation, condition.parts)))


def joined(kind: type[And | Or], parts: list[Condition]) -> Condition:
    """``parts`` under one ``kind``; what is of that kind itself is taken apart, so that depth follows the meaning."""
    flat: list[Condition] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def comparisons(condition: Condition) -> Iterator[Comparison]:
    if isinstance(condition, Comparison):
        yield condition
        return
    for part in condition.parts:
        yield from comparisons(part)
