"""JSON: one element for each top-level entry, its values as lines of "path: value"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from penstock.parsing.assemble import Draft, Piece
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    text = decode(data)
    try:
        values = _values(kind, text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            raise RefusedDocument(Reason.TRUNCATED, "the JSON ends early", "copy the file again") from None
        raise
    return Draft(_pieces(values), MEDIA_TYPES[kind], "json", _title(values))


def _values(kind: str, text: str) -> Any:
    if kind == "ndjson":
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    return json.loads(text)


def _pieces(value: Any) -> Iterator[Piece]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield Piece("text", "\n".join(_lines(inner, key)))
    elif isinstance(value, list):
        for inner in value:
            yield Piece("text", "\n".join(_lines(inner, "")))
    else:
        yield Piece("text", _scalar(value))


def _lines(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value):
            yield from _lines(inner, f"{path}[{number}]")
    else:
        text = ", ".join(map(_scalar, value)) if isinstance(value, list) else _scalar(value)
        if text:
            yield f"{path}: {text}" if path else text


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _title(value: Any) -> str:
    title = value.get("title") if isinstance(value, dict) else None
    return title if isinstance(title, str) else ""
