"""Any nested answer as an indented, aligned page: what has no drawing of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.display import paper
from penstock.display.paper import QUIET, Part


def tree(found: Mapping[str, Any], indent: int = 0) -> None:
    """Print names and values, nested ones further in; long texts get lines of their own."""
    short = {name: value for name, value in found.items() if _is_short(value)}
    if short:
        paper.rows([((_name(name), QUIET), _value(name, value)) for name, value in short.items()], indent)
    for name, value in found.items():
        if name in short:
            continue
        paper.line(" " * indent, (_name(name), QUIET))
        if isinstance(value, Mapping):
            tree(value, indent + 2)
        elif isinstance(value, str):
            for part in value.splitlines():
                paper.prose(part, indent=indent + 2)
        else:
            for one in value:
                tree(one, indent + 2) if isinstance(one, Mapping) else paper.prose(str(one), indent=indent + 2)


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
        return f"{paper.when(value)} UTC"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)
