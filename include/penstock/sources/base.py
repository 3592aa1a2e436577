"""The Source port: a configured place that documents come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from penstock.errors import FetchError
from penstock.records import Fetched, SourceObject

FETCH_THREADS = 8
"""So many threads of a run call ``fetch`` at a time."""


class Source(Protocol):
    """Lists objects and fetches bytes. It keeps no state; what was seen before is the catalog's."""

    name: str

    def list(self) -> Iterator[SourceObject]:
        """Yield every object once, as a stream, in no promised order.

        Ending normally says "that was all". Raises ``ListingError`` (or its transient kind) where it was not:
        a listing that breaks off must never look like a short one.
        """
        ...

    def fetch(self, item: SourceObject) -> Fetched:
        """Return the object's bytes as they are now, and which version they are. Called from several threads.

        Raises ``FetchError`` naming the key: gone since it was listed, no permission, larger than ``max_bytes``
        (``TooLargeError``), cut short; ``TransientFetchError`` where another try may succeed.
        """
        ...


class TooLargeError(FetchError):
    """An object is larger than its source's ``max_bytes``."""

    def __init__(self, source: str, key: str, size_bytes: int, max_bytes: int) -> None:
        super().__init__(
            f"source {source!r}: {key!r} has {size_bytes:,} bytes, more than max_bytes = {max_bytes:,}; "
            f"split the document, or raise sources.{source}.max_bytes"
        )
