"""Which passage or document a name means, of one index: in feedback by what people write, in logs by what they hold."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.batching import batched
from penstock.catalog.schema import documents, entries
from penstock.errors import UsageError
from penstock.feedback.saying import MAX_NAME_CHARS, short
from penstock.ids import document_id, is_id
from penstock.platform import Platform
from penstock.records import PUBLIC
from penstock.retrieval.places import parsed_text

CHUNK_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Shown = Sequence[tuple[str | None, str]]
"""Chunk (where it is known) and document of each passage, in the order of the page."""
NOT_THERE = "is in no release of {index!r} that still stands"


@dataclass(frozen=True, slots=True)
class Named:
    """What a name means: a chunk and its document, or a document alone."""

    chunk: str | None
    document: str


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a revision, in characters of its parsed text."""

    revision: str
    start: int
    end: int


class Places:
    """Looks names up, each once. With ``readers`` it knows only what these principals may see."""

    def __init__(self, platform: Platform, index: str, readers: Collection[str] | None = None) -> None:
        self._platform, self._index = platform, index
        self._sources = platform.settings.index(index).sources
        self._readers = None if readers is None else {PUBLIC, *readers}
        self._chunks: dict[str, str | None] = {}
        self._documents: dict[str, str] = {}
        self._texts: dict[tuple[str, int | None], dict[int, tuple[str, str]]] = {}

    def load(self, names: Iterable[str]) -> None:
        """Look up the chunks among ``names``, all in one question to each collection."""
        wanted = sorted({name for name in names if CHUNK_ID.fullmatch(name)} - self._chunks.keys())
        for batch in batched(wanted):
            self._chunks |= dict.fromkeys(batch)
            for _generation, collection in self._platform.collections(self._index):
                self._chunks |= {row.id: row.document_id for row in collection.get(batch)}

    def named(self, name: str) -> Named:
        """The chunk of that id, or the document of that ``KEY``, ``SOURCE:KEY`` or id. Raises ``UsageError``."""
        if len(name) > MAX_NAME_CHARS:
            raise UsageError(f"{short(name)} is too long to name a chunk or a document")
        if not CHUNK_ID.fullmatch(name):
            return Named(None, self._document(name))
        self.load([name])
        document = self._chunks[name]
        if document is None or not self._may_be_read(document):
            raise UsageError(f"chunk {name!r} {NOT_THERE.format(index=self._index)}")
        return Named(name, document)

    def span(self, document: str, span: str | tuple[int, int], release: int | None = None) -> Span:
        """Where a span is in the revision that ``release`` serves, which is what was shown; else in the live one.

        Raises ``UsageError`` where it is in neither, or where offsets count in a revision that is kept no more.
        """
        texts = self._served(document, release)
        if isinstance(span, str):
            for revision, text in texts.values():
                if span.strip() and (start := text.find(span)) >= 0:
                    return Span(revision, start, start + len(span))
            raise UsageError(f"the right text {short(span)} is not, word for word, in the document")
        if release is not None and release not in texts and self._is_pruned(release):
            raise UsageError(f"release {release}, which the answer is from, was pruned; name the span by its text")
        (start, end), (revision, text) = span, next(iter(texts.values()))
        if not 0 <= start < end <= len(text):
            raise UsageError(f"the span {start}–{end} is not in the document, which has {len(text):,} characters")
        return Span(revision, start, end)

    def key_of(self, document: str) -> str:
        """What people call a document that may be read: ``SOURCE:KEY``."""
        query = select(documents.c.source, documents.c.key).where(documents.c.id == document)
        with self._platform.catalog.read() as connection:
            row = connection.execute(query).one_or_none()
        return f"{row.source}:{row.key}" if row is not None and row.key else "an erased document"

    def readable(self, shown: Shown) -> Shown:
        """Those of the passages that may be read today: a right that was taken away since is taken away here too."""
        if self._readers is None:
            return shown
        query = select(documents).where(documents.c.id.in_({document for _, document in shown}))
        with self._platform.catalog.read() as connection:
            allowed = {row.id for row in connection.execute(query) if self._allows(row)}
        return [one for one in shown if one[1] in allowed]

    def _document(self, name: str) -> str:
        if name not in self._documents:
            prefixed = [(one, name.removeprefix(f"{one}:")) for one in self._sources if name.startswith(f"{one}:")]
            asked = [*prefixed, *((one, name) for one in self._sources)]
            ids = [document_id(source, key) for source, key in asked]
            self._documents[name] = self._known([*ids, name] if is_id(name) else ids, name)
        return self._documents[name]

    def _known(self, ids: list[str], name: str) -> str:
        mine = documents.c.id.in_(ids), documents.c.source.in_(self._sources)
        query = select(documents.c.id, documents.c.erased_at).where(*mine)
        with self._platform.catalog.read() as connection:
            found = {row.id: row.erased_at for row in connection.execute(query)}
        for id_ in ids:
            if found.get(id_) is not None and self._readers is None:
                raise UsageError("it names a document that was erased; it stays out")
            if id_ in found and self._may_be_read(id_):
                return id_
        with self._platform.catalog.read() as connection:
            live, _ = manifest.pointer(connection, self._index)
        remedy = "write its key, or SOURCE:KEY"
        if live is None:
            remedy = f"nothing is published yet: run `penstock sync {self._index}` first"
        raise UsageError(f"no source of {self._index!r} has a document {short(name)}; {remedy}")

    def _may_be_read(self, document: str) -> bool:
        with self._platform.catalog.read() as connection:
            row = connection.execute(select(documents).where(documents.c.id == document)).one_or_none()
        return row is not None and self._allows(row)

    def _allows(self, row: Row[Any]) -> bool:
        if row.erased_at is not None:
            return False
        return self._readers is None or bool(self._readers & set(json.loads(row.principals)))

    def _served(self, document: str, release: int | None) -> dict[int, tuple[str, str]]:
        """Release → revision and text of the document, of ``release`` and the live one, as far as they serve it."""
        if (document, release) not in self._texts:
            found: dict[int, tuple[str, str]] = {}
            with self._platform.catalog.read() as connection:
                live, _ = manifest.pointer(connection, self._index)
                for number in dict.fromkeys(one for one in (release, live) if one is not None):
                    mine = manifest.in_release(self._index, number), entries.c.document_id == document
                    entry = connection.execute(select(entries).where(*mine, entries.c.reason.is_(None))).one_or_none()
                    if entry is not None:
                        found[number] = entry.revision, parsed_text(self._platform, entry.parse_key)
            if not found:
                raise UsageError(f"the live release of {self._index!r} does not serve the document; leave the span out")
            self._texts = {(document, release): found}
        return self._texts[document, release]

    def _is_pruned(self, release: int) -> bool:
        with self._platform.catalog.read() as connection:
            return manifest.release_row(connection, self._index, release).state not in manifest.KEPT
