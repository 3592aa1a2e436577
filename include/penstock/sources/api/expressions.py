"""What JMESPath expressions of the configuration say of one record."""

from __future__ import annotations

import json
from typing import Any

from penstock import expressions
from penstock.sources.http.errors import HttpError


def search(expression: str, record: Any) -> Any:
    """What a JMESPath expression says of a record. Raises ``HttpError`` where it does not fit what it is read from."""
    try:
        return expressions.search(expression, record)
    except expressions.UnfitError as error:
        said = str(error).split(", received")[0]  # its words may hold the value
        raise HttpError(f"{expression!r} cannot be read from a record: {said}", "mend the expression") from None


def text(expression: str | None, record: Any) -> str:
    """What an expression says, as text; nothing for null. Raises ``ValueError`` where it is a list or an object."""
    value = search(expression, record) if expression else None
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise ValueError(f"{expression!r} is a {type(value).__name__} in the record, not text")


def kept_text(expression: str, record: Any) -> str:
    """``text`` that every catalog and index can keep; of a list of strings a JSON array, which reads as a set.

    Raises ``ValueError`` where JSON's escapes made more of it.
    """
    found = search(expression, record)
    strings = isinstance(found, list) and found and all(isinstance(one, str) for one in found)
    value = "".join(found) if strings else text(expression, record)
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{expression!r} holds what cannot be kept: U+0000, or half of a character")
    return json.dumps(found, ensure_ascii=False) if strings else value
