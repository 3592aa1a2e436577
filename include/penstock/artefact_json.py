"""Artefacts of the lake as JSON: a number of their format beside what they hold, checked while it is read."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from penstock.errors import StoreError

T = TypeVar("T")


class _Format(msgspec.Struct):
    format: int


_FORMAT = msgspec.json.Decoder(_Format)


def read(data: bytes, decoder: msgspec.json.Decoder[T], known: int, what: str) -> T:
    """Decode ``what`` was written in the format ``known``.

    What is damaged is found here, not where somebody counts on it. Raises ``StoreError`` where the bytes are something
    else, or of a format that this version does not know.
    """
    try:
        found = _FORMAT.decode(data).format
        if found == known:
            return decoder.decode(data)
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise StoreError(
            f"an artefact of {len(data):,} bytes does not hold {what} ({error}); "
            "`penstock sync INDEX --verify` makes it again"
        ) from None
    raise StoreError(
        f"{what} of format {found}; this penstock reads format {known}: upgrade it, or run "
        "`penstock sync INDEX --verify`, which makes it again"
    )
