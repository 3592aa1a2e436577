"""Parses and chunk lists of the lake, kept in memory for a while: one search after the other reads the same.

An artefact never changes under its key, but it may be erased. So nothing is handed out by its own name alone: whoever
asks has just read the key in the manifest, which names nothing of an erased document (``places``). And nothing is kept
for longer than ``KEPT_S``, so that a process that serves forgets the text too, whichever process erased it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from cachetools import TTLCache

from penstock import chunking, parsing
from penstock.lake import Kind, Lake
from penstock.records import Chunk, Parsed

MAX_BYTES = 32 * 2**20
"""Of artefacts as they lie in the lake; Python's objects of them take about three times as much."""
KEPT_S = 60.0
T = TypeVar("T")

Look = tuple[str, str, tuple[str, ...], int]
"""What tells a chunk from all others of its document: text, kind, headings, and its place among equals, from 0."""


@dataclass(frozen=True)
class Text:
    """What was parsed of a revision. ``text``, which spans point into, is put together once."""

    parsed: Parsed

    @cached_property
    def text(self) -> str:
        return self.parsed.text


class Cut(NamedTuple):
    """The chunks of a revision in their order, and where each stands among them."""

    chunks: Sequence[Chunk]
    nth: Mapping[Look, int]


class Artefacts:
    """The lake's parses and chunk lists by key. Threads may share it; two that miss the same one both read it.

    Raises what ``Lake.get`` raises, and ``StoreError`` for what is damaged.
    """

    def __init__(
        self,
        lake: Lake,
        max_bytes: int = MAX_BYTES,
        kept_s: float = KEPT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lake = lake
        self._kept: TTLCache[tuple[Kind, str], tuple[Any, int]] = TTLCache(
            max_bytes, kept_s, timer=clock, getsizeof=lambda kept: kept[1]
        )
        self._lock = Lock()

    def parsed(self, key: str) -> Text:
        return self._get(Kind.PARSED, key, lambda data: Text(parsing.from_json(data)))

    def chunks(self, key: str) -> Cut:
        return self._get(Kind.CHUNKS, key, lambda data: cut(chunking.from_json(data)))

    def forget(self) -> None:
        """Empty it: something was erased."""
        with self._lock:
            self._kept.clear()

    def _get(self, kind: Kind, key: str, read: Callable[[bytes], T]) -> T:
        with self._lock:
            self._kept.expire()  # what is too old goes now, not when its room is needed
            kept: tuple[T, int] | None = self._kept.get((kind, key))
        if kept is not None:
            return kept[0]
        data = self._lake.get(kind, key)
        made = read(data)
        with self._lock:
            if len(data) <= self._kept.maxsize:
                self._kept[kind, key] = made, len(data)
        return made


def cut(chunks: Sequence[Chunk]) -> Cut:
    """Equal are chunks that a release freezes alike (``staging.numbered``); title and fields are the document's."""
    seen: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    nth: dict[Look, int] = {}
    for at, chunk in enumerate(chunks):
        look = chunk.text, chunk.kind, chunk.headings
        nth[*look, seen[look]] = at
        seen[look] += 1
    return Cut(chunks, nth)
