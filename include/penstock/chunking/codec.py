"""Chunks as bytes of the lake: what one revision, one parser and one chunker made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

import msgspec

from penstock import artefact_json
from penstock.records import Chunk

FORMAT = 1


class _Stored(msgspec.Struct):
    chunks: list[Chunk]


_DECODER = msgspec.json.Decoder(_Stored)


def to_json(chunks: Sequence[Chunk]) -> bytes:
    """Encode ``chunks``; the same chunks give the same bytes."""
    value = {"format": FORMAT, "chunks": [asdict(chunk) for chunk in chunks]}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_json(data: bytes) -> list[Chunk]:
    """Decode what ``to_json`` wrote.

    Raises ``StoreError`` where the bytes are something else, or of a format that this version does not know.
    """
    return artefact_json.read(data, _DECODER, FORMAT, "chunks").chunks
