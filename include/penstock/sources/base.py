"""The Source port: a configured place that documents come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.errors import FetchError
from penstock.records import Fetched, SourceObject

FETCH_THREADS = 8
"""So many threads of a run call ``fetch`` at a time."""

Cursor = Mapping[str, Any]
"""Where a source's next reading may begin, in its own words: small, plain JSON, no document's key and no secret."""


@dataclass(frozen=True, slots=True)
class Before:
    """What the catalog kept of earlier readings."""

    cursor: Cursor | None = None
    hint_of: Callable[[str], str | None] = lambda _key: None
    """A document's key to the hint that its bytes were last fetched under."""


NOTHING_BEFORE = Before()


@dataclass
class Reading:
    """One reading of a source. What it says of itself holds once ``objects`` was read to its end."""

    objects: Iterable[SourceObject]
    whole: bool = True
    """All that there is was asked for, not only what changed: that there is nothing at all would be suspicious."""
    removes: bool = True
    """What was not named is gone; else it is as it was, but for what hangs on a document that was named."""
    cursor: Cursor | None = None
    """Kept once the run has kept what was named."""


class Source(Protocol):
    """Lists objects and fetches bytes. It keeps no state; what was seen before is the catalog's."""

    name: str

    def list(self) -> Iterator[SourceObject]:
        """Yield every object once, as a stream, in no promised order.

        Ending normally says "that was all". Raises ``ListingError`` (or its transient kind) where it was not:
        a listing that breaks off must never look like a short one.
        """
        ...

    def read(self, before: Before) -> Reading:
        """List as ``list`` does, or only what changed since, where the source can tell."""
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
