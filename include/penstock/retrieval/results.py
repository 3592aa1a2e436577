"""What a search gives: the chunks that were found, the passages that they stand in, and how it came to that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from penstock.retrieval.trace import Stage


@dataclass(frozen=True, slots=True)
class Also:
    """Another place that says nearly the same as a hit."""

    chunk_id: str
    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Citation:
    """One hit and the exact place that it came from.

    ``start`` and ``end`` are offsets in characters into the parsed text of ``revision`` (SHA-256 of the bytes).
    ``score`` is that of the last stage that ordered the hits; ``scores`` are the searches' own, by name.
    ``fields`` are the document's values of the fields that the index declares, such as its address.
    """

    chunk_id: str
    score: float
    text: str
    source: str
    key: str
    title: str
    headings: tuple[str, ...]
    page: int | None
    revision: str
    start: int
    end: int
    document_id: str
    fields: Mapping[str, str]
    scores: Mapping[str, float]
    also: tuple[Also, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of one document that reads by itself: hits of one section with their neighbours, joined.

    ``text`` is the parsed text of ``revision`` from ``start`` to ``end``; ``chunks`` are the hits in it, best first.
    """

    document_id: str
    source: str
    key: str
    title: str
    headings: tuple[str, ...]
    page: int | None
    revision: str
    start: int
    end: int
    text: str
    chunks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that the store put forward: its fused score, and those of the searches that found it."""

    chunk_id: str
    score: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Setup:
    """What answered. ``settings`` is the fingerprint of the retrieval settings, ``embedder`` that of the model.

    ``where`` is the filter, as it was written.
    """

    mode: str
    settings: str
    embedder: str
    reranker: str | None = None
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What one search returned, and the release that it was read from.

    ``passages`` come in the order of their hits, ``candidates`` in the store's, best first.
    """

    index: str
    release: int
    query: str
    hits: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    stages: tuple[Stage, ...]
    candidates: tuple[Candidate, ...]
    setup: Setup
    champions: Mapping[str, str] = field(default_factory=dict)
    """Models trained here that served the index, by purpose, in the moment in which the release was chosen."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
