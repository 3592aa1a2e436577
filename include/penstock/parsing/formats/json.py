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

CLOSING = {"{": "}", "[": "]"}


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    text = decode(data).strip()
    texts = [line.strip() for line in text.split("\n") if line.strip()] if kind == "ndjson" else [text]
    try:
        values = [json.loads(one, object_pairs_hook=tuple, parse_int=str, parse_float=str) for one in texts]
    except json.JSONDecodeError as error:
        if error.doc is texts[-1] and _is_cut_off(error):
            raise RefusedDocument(Reason.TRUNCATED, "the JSON ends early", "copy the file again") from None
        raise
    value = values if kind == "ndjson" else values[0]
    return Draft(_pieces(value), MEDIA_TYPES[kind], "json", _title(value))


def _is_cut_off(error: json.JSONDecodeError) -> bool:
    """Whether more was wanted where the text ends, or it is an object or array that nothing closes."""
    text = error.doc
    if error.pos >= len(text) or error.msg.startswith("Unterminated string"):
        return True
    return not error.msg.startswith("Extra data") and text[0] in CLOSING and text[-1] != CLOSING[text[0]]


def _pieces(value: Any) -> Iterator[Piece]:
    """An object is the tuple of its pairs here, since a key may stand there twice; a number is its digits."""
    if isinstance(value, tuple):
        for key, inner in value:
            yield Piece("text", "\n".join(_lines(inner, key)))
    elif isinstance(value, list):
        for inner in value:
            yield Piece("text", "\n".join(_lines(inner, "")))
    else:
        yield Piece("text", _scalar(value))


def _lines(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, tuple):
        for key, inner in value:
            yield from _lines(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and any(isinstance(inner, tuple | list) for inner in value):
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
    pairs = value if isinstance(value, tuple) else ()
    return next((inner for key, inner in pairs if key == "title" and isinstance(inner, str)), "")
