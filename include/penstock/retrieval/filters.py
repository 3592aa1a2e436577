"""Conditions on what a document's metadata says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.errors import UnknownNameError, UsageError
from penstock.recipe import Recipe
from penstock.settings import BUILT_IN_FIELDS


def parse_where(conditions: Iterable[str]) -> dict[str, str]:
    """``["field=value"]`` → ``{"field": "value"}``. Raises ``UsageError`` for anything else, or a field named twice."""
    found: dict[str, str] = {}
    for condition in conditions:
        name, equals, value = condition.partition("=")
        if not equals or not name.strip():
            raise UsageError(f"--where {condition!r} will not do; write FIELD=VALUE")
        if name.strip() in found:
            raise UsageError(f"--where names {name.strip()!r} twice; a field has one value")
        found[name.strip()] = value
    return found


def require_known(where: Mapping[str, str], recipe: Recipe) -> None:
    for name in where:
        if name not in (*BUILT_IN_FIELDS, *recipe.fields):
            raise UnknownNameError("field", name, (*BUILT_IN_FIELDS, *recipe.fields))
