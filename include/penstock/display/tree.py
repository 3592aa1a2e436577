"""Any nested answer as an indented, aligned page: what has no drawing of its own."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import QUIET, Part


def tree(found: Mapping[str, Any], indent: int = 0) -> None:
    """Print names and values, nested ones further in; long texts get lines of their own."""
    for short, group in groupby(found.items(), lambda item: _is_short(item[1])):
        if short:
            paper.rows([((_name(name), QUIET), _value(name, value)) for name, value in group], indent)
            continue
        for name, value in group:
            paper.line(" " * indent, (_name(name), QUIET))
            _long(value, indent + 2)


def _long(value: Any, indent: int) -> None:
    if isinstance(value, Mapping):
        tree(value, indent)
        return
    for one in value.splitlines() if isinstance(value, str) else value:
        if isinstance(one, Mapping):
            tree(one, indent)
        elif str(one).strip():
            paper.prose(str(one), indent=indent)


def _is_short(value: Any) -> bool:
    if isinstance(value, Mapping):
        return not value
    if isinstance(value, list | tuple):
        return not any(isinstance(one, Mapping) for one in value) and sum(len(str(one)) + 2 for one in value) < 60
    return not isinstance(value, str) or ("\n" not in value and len(value) <= 72)


def _name(name: object) -> str:
    return str(name).replace("_", " ")


def _value(name: str, value: Any) -> Part:
    if value is None or value in ("", [], (), {}):
        return ("none", QUIET)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and name.endswith("_at"):
        return f"{wording.when(value)} UTC"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
