"""Chunks as bytes of the lake: what one revision, one parser and one chunker made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from penstock.errors import StoreError
from penstock.records import Chunk

FORMAT = 1


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
            return [Chunk(**{**row, "headings": tuple(row["headings"])}) for row in value["chunks"]]
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(
            f"an artefact of {len(data)} bytes does not hold chunks ({error!r}); delete it and sync again"
        ) from None
    raise StoreError(
        f"chunks of format {known!r}; this penstock reads format {FORMAT}: upgrade it, or delete the artefact and sync"
    )
