"""The nouns of the flow, as plain values: what a source lists, a parser yields, an index holds.

They cross process and task boundaries as dicts (``dataclasses.asdict``), never pickled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.filters.tree import Condition

PUBLIC = "public"
NOBODY = "nobody"
OPEN_END = 2**31 - 1
"""``removed_in`` of a row that no release has removed (fits a signed 32-bit integer)."""


class Reason(StrEnum):
    """Why a document is in quarantine. Stable names: they are stored, filtered and shown."""

    TOO_LARGE = "too-large"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out-of-memory"
    ENCRYPTED = "encrypted"
    WRONG_TYPE = "wrong-type"
    ARCHIVE_BOMB = "archive-bomb"
    ENTITY_BOMB = "entity-bomb"
    EXTERNAL_ENTITY = "external-entity"
    UNSAFE_PATH = "unsafe-path"
    TOO_DEEP = "too-deep"
    TRUNCATED = "truncated"
    UNSUPPORTED = "unsupported"
    EMPTY = "empty"
    PARSER_ERROR = "parser-error"
    SOURCE_ERROR = "source-error"
    BAD_SIDECAR = "bad-sidecar"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A typed reason, what was seen, and what a person can do about it. ``detail`` holds no document text."""

    reason: Reason
    detail: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class SourceObject:
    """One listed object.

    ``hint`` changes whenever the bytes may have changed (mtime and size, ETag); equal hints mean "do not fetch".
    ``principals`` is ``None`` where the source says nothing; the source's ``when_silent`` then decides.
    ``problem`` is set where the object cannot be used or its own access information cannot be read: it is quarantined,
    and nobody may read what is left of it.
    """

    key: str
    size_bytes: int
    hint: str
    principals: tuple[str, ...] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    problem: Refusal | None = None
    content: bytes | None = field(default=None, repr=False)
    """The document's bytes, where the listing itself brought them."""
    locator: str | None = None
    """Where ``fetch`` finds the bytes, where the key does not say it."""
    gone: bool = False
    """The source says that it removed the document; nothing else is then said of it."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An object's bytes, and the source's own name of their version, where it keeps versions."""

    data: bytes
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """A parsed piece of a document.

    ``kind`` is one of title, text, list-item, table, code, other. ``headings`` is the path of titles above it,
    outermost first (a title's own text is not in its own path). ``start`` is its offset in ``Parsed.text``
    in characters; ``depth`` is a title's level, 1 the highest, else 0.
    """

    kind: str
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None
    start: int = 0
    depth: int = 0

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a document (a mail, an archive): a document of its own, named below its parent.

    ``problem`` says why there are no bytes, where the parent is readable and this one part of it is not.
    """

    name: str
    data: bytes
    problem: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser made of one revision. ``text`` joins the elements with a blank line; spans point into it."""

    elements: tuple[Element, ...]
    title: str
    media_type: str
    parser: str
    attachments: tuple[Attachment, ...] = ()

    @property
    def text(self) -> str:
        return ELEMENT_JOIN.join(element.text for element in self.elements)


ELEMENT_JOIN = "\n\n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit that is embedded and retrieved.

    ``text`` is what is searched; ``Parsed.text[start:end]`` is the exact place it came from. They differ only
    where a table's header is repeated in front of its later rows. ``tokens`` counts ``text`` in the embedder's tokens.
    """

    text: str
    start: int
    end: int
    kind: str
    headings: tuple[str, ...]
    page: int | None
    tokens: int


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One row of an index: a chunk of a document, visible to releases ``added_in <= r < removed_in``.

    ``vector`` is L2-normalised float32, shape (dimension,); it may be empty where a reader did not ask for it.
    ``content`` is the hash of everything in the row that a release freezes; principals are not in it.
    """

    id: str
    document_id: str
    source: str
    key: str
    title: str
    text: str
    headings: tuple[str, ...]
    kind: str
    content: str
    nth: int
    fields: Mapping[str, str]
    principals: tuple[str, ...]
    added_in: int
    removed_in: int
    vector: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One question to an index, already embedded. ``where`` is on source, key, kind and the declared fields.

    ``vector_weight`` is what the vector search counts in a hybrid one, the text search the rest of 1; ``depth`` is how
    many rows each of the two puts in, by default ``index.rules.depth_of``.
    """

    text: str
    vector: Sequence[float]
    release: int
    principals: tuple[str, ...] = (PUBLIC,)
    where: Condition | None = None
    k: int = 10
    mode: str = "hybrid"
    vector_weight: float = 0.5
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A row with its score; higher is better, comparable within one answer only.

    ``scores`` are those of the searches that found it: ``vector`` the cosine with the question's vector, ``text`` BM25.
    """

    row: IndexRow
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
