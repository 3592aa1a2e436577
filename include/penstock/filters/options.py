"""Filters that are not written in the language: ``FIELD=VALUE`` of a command line, and tables of equal values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

SHORT = re.compile(r"\s*(?P<name>[^\W\d][\w-]*)\s*=(?P<value>(?!\s*(?:['\"(=<>)]|\Z)).*)", re.DOTALL)
"""A half, such as ``kind =``, is none: the language refuses it, and says where it ends."""
LONGER = re.compile(r"\s(?:and|or)(?![\w-])|[=<>]", re.IGNORECASE)
"""What makes of a text with blanks a filter, and not one value."""


def parse_where(conditions: Iterable[str]) -> str | None:
    """One filter of all of them, each in the language or as ``FIELD=VALUE``; ``None`` for none.

    A value without quotes is one where it holds no blank, or neither ``and``, ``or`` nor another comparison.

    >>> parse_where(["key=it's.md", "year >= 2024 or kind = 'table'"])
    "(key = 'it\\\\'s.md') and (year >= 2024 or kind = 'table')"
    """
    found = [_spelled(one) for one in conditions]
    return found[0] if len(found) == 1 else " and ".join(f"({one})" for one in found) or None


def _spelled(condition: str) -> str:
    found = SHORT.fullmatch(condition)
    if found is None or (re.search(r"\s", found["value"].strip()) and LONGER.search(found["value"])):
        return condition
    return f"{found['name']} = {quoted(found['value'].strip())}"


def equalities(values: Mapping[str, str]) -> str | None:
    """``{"kind": "table"}`` → ``kind = 'table'``; ``None`` for none."""
    return " and ".join(f"{name} = {quoted(value)}" for name, value in values.items()) or None


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
