"""Chunks as bytes of the lake: what one revision, one parser and one chunker made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from penstock.errors import StoreError
from penstock.records import Chunk

FORMAT = 1
T = TypeVar("T")


def to_json(chunks: Sequence[Chunk]) -> bytes:
    """Encode ``chunks``; the same chunks give the same bytes."""
    value = {"format": FORMAT, "chunks": [asdict(chunk) for chunk in chunks]}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_json(data: bytes) -> list[Chunk]:
    """Decode what ``to_json`` wrote.

    Raises ``StoreError`` where the bytes are something else, or of a format that this version does not know.
    """
    try:
        value = json.loads(data)
        known = value["format"]
        if known == FORMAT:
            return [_chunk(row) for row in _checked(value["chunks"], list)]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError(
            f"an artefact of {len(data)} bytes does not hold chunks ({error!r}); delete it and sync again"
        ) from None
    raise StoreError(
        f"chunks of format {known!r}; this penstock reads format {FORMAT}: upgrade it, or delete the artefact and sync"
    )


def _chunk(row: dict[str, Any]) -> Chunk:
    chunk = Chunk(**{**row, "headings": tuple(_checked(row["headings"], list))})
    for text in (chunk.text, chunk.kind, *chunk.headings):
        _checked(text, str)
    for number in (chunk.start, chunk.end, chunk.tokens, 0 if chunk.page is None else chunk.page):
        _checked(number, int)
    return chunk


def _checked(value: Any, kind: type[T]) -> T:
    """What is damaged is found here, not where somebody counts on it."""
    if type(value) is not kind:
        raise TypeError(f"a {type(value).__name__} in the place of a {kind.__name__}")
    return value
