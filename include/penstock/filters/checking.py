"""Whether a comparison fits the type of its field, and what it then asks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from penstock.errors import FilterError, UnknownFieldError
from penstock.filters.tree import And, Comparison, Condition, Operator, Or, joined, negation
from penstock.filters.values import NUMBER, FieldType, moments, number

ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ORDERED: dict[str, Operator] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


class Written(NamedTuple):
    """A value as it is written, its quotes with it, and its place in the filter."""

    text: str
    at: int

    @property
    def quoted(self) -> bool:
        return self.text[0] in "'\""

    def plain(self) -> str:
        """What stands between the quotes. Raises ``FilterError`` for a backslash that escapes nothing."""
        if not self.quoted:
            return self.text
        return ESCAPE.sub(self._escaped, self.text[1:-1])

    def _escaped(self, found: re.Match[str]) -> str:
        char = found[1]
        if char in "\\'\"":
            return char
        if char not in ESCAPED:
            said = f"\\{char} stands for nothing in a text; write \\\\ for a backslash"
            raise FilterError(said, self.at + 1 + found.start())
        return ESCAPED[char]


def compared(
    fields: Mapping[str, FieldType], name: str, at: int, operator: str, values: Sequence[Written]
) -> Condition:
    """``name operator value``; of several values the operator is ``=``, and any of them will do."""
    type_ = _type(fields, name, at)
    if operator in ORDERED and type_ in ("text", "texts"):
        kind = "text" if type_ == "text" else "a set of texts"
        raise FilterError(f"{name} is {kind}, which has no order; compare it by =, !=, in or not in", at)
    if operator == "!=":
        return negation(compared(fields, name, at, "=", values))
    if type_ == "date":
        return joined(Or, [_dated(name, operator, one) for one in values])
    read = [_number(name, one) if type_ == "number" else _text(name, type_, one) for one in values]
    return Comparison(name, type_, ORDERED.get(operator, "in"), tuple(dict.fromkeys(read)))


def exists(fields: Mapping[str, FieldType], name: str, at: int) -> Condition:
    return Comparison(name, _type(fields, name, at), "exists")


def _type(fields: Mapping[str, FieldType], name: str, at: int) -> FieldType:
    if name not in fields:
        raise UnknownFieldError(name, fields, at)
    return fields[name]


def _text(name: str, type_: FieldType, value: Written) -> str:
    if not value.quoted:
        kind = "text" if type_ == "text" else "a set of texts"
        raise FilterError(f"{name} is {kind}; put {value.text} in quotes: '{value.text}'", value.at)
    return value.plain()


def _number(name: str, value: Written) -> float:
    found = number(value.plain())
    if found is None:
        fault = _unkept(value.plain())
        raise FilterError(f"{name} is a number, and {value.text} {fault}; write one like 2024 or -1.5", value.at)
    return found


def _unkept(text: str) -> str:
    """What is wrong with what reads as no number that one keeps."""
    if not NUMBER.fullmatch(text.strip()):
        return "is none"
    return "is too large" if math.isinf(float(text)) else "has more digits than one keeps"


def _dated(name: str, operator: str, value: Written) -> Condition:
    """Compare with a year, month, day or time as a whole: ``>`` is after its end, ``=`` within it."""
    found = moments(value.plain())
    if found is None:
        said = f"{name} is a date, and {value.text} is none; write one like 2024-05-31 or 2024-05-31T14:30Z"
        raise FilterError(said, value.at)
    start, end = found
    if operator != "=":
        bound: dict[str, tuple[Operator, int]] = {
            "<": ("<", start),
            "<=": ("<", end),
            ">": (">=", end),
            ">=": (">=", start),
        }
        ordered, moment = bound[operator]
        return Comparison(name, "date", ordered, (moment,))
    since, before = Comparison(name, "date", ">=", (start,)), Comparison(name, "date", "<", (end,))
    return And((since, before))
