"""Gzip within limits. What is cut short is an error here; urllib3 hands on what it could unpack of it."""

from __future__ import annotations

import zlib

from penstock.sources.http.errors import HttpError, TooLargeAnswerError, where

MAGIC = b"\x1f\x8b"


def unpacked(url: str, data: bytes, max_bytes: int) -> bytes:
    """Unpack the members of a gzip file one after another. Raises ``HttpError`` naming ``url``."""
    plain = bytearray()
    while data:
        stream = zlib.decompressobj(wbits=31)
        try:
            plain += stream.decompress(data, max_bytes + 1 - len(plain))
        except zlib.error:
            raise HttpError(f"{where(url)} is not gzip, and says that it is", "try again", transient=True) from None
        if len(plain) > max_bytes:
            raise TooLargeAnswerError(url, len(plain), max_bytes)
        if not stream.eof:
            raise HttpError(f"{where(url)} is not a whole gzip file", "try again", transient=True)
        data = stream.unused_data
    return bytes(plain)
