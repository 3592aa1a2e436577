"""A record of an API as a document: the template's expressions over it, and nothing of it besides."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.http_settings import ApiSource
from penstock.ids import sha256
from penstock.keys import ATTACHMENT
from penstock.records import NOBODY, Reason, Refusal, SourceObject
from penstock.source_settings import checked_principals
from penstock.sources import access
from penstock.sources.api.expressions import kept_text, search, text
from penstock.sources.api.files import AttachedFile, attached
from penstock.sources.http.errors import HttpError

ENDINGS = {"markdown": ".md", "html": ".html", "text": ".txt"}
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """Makes documents of records."""

    name: str
    settings: ApiSource
    rules: access.Rules

    def key(self, record: Record, which: str) -> str:
        """The document's key. Raises ``HttpError`` where the record, ``which`` one it is, says none: it could not be
        accounted for.
        """
        expression = self.settings.document.key
        value = search(expression, record)
        if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
            raise HttpError(f"{which} has no key: {expression!r} is not a text or a number in it", "mend document.key")
        key = str(value)
        if not key.isprintable() or ATTACHMENT in key:
            fault = f"{which} has the key {key!r}, which will not do: it is not printable, or holds '!/'"
            raise HttpError(fault, "mend document.key")
        return key + ENDINGS[self.settings.document.format]

    def wanted(self, record: Record) -> bool:
        return self.settings.where is None or bool(search(self.settings.where, record))

    def is_tombstone(self, record: Record) -> bool:
        return self.settings.tombstone is not None and bool(search(self.settings.tombstone, record))

    def objects(self, key: str, record: Record) -> Iterator[SourceObject]:
        """The record's document, and one for each file that is attached to it."""
        own = self._statement(key, record)
        principals, problem = self.rules.principals(key, own), own.problem
        content, fields, files = b"", dict[str, str](), list[AttachedFile]()
        try:
            content, fields = self._content(record), self._fields(record)
        except (ValueError, HttpError) as error:
            problem = problem or Refusal(
                Reason.SOURCE_ERROR, str(error), f"mend the record, or sources.{self.name}.document"
            )
        try:
            files = attached(self.name, self.settings, record)
        except (ValueError, HttpError) as error:
            remedy = f"mend the record, or sources.{self.name}.attachments.each"
            problem = problem or Refusal(Reason.SOURCE_ERROR, str(error), remedy)
        readers = (NOBODY,) if problem else principals
        yield SourceObject(key, len(content), sha256(content), readers, fields, problem=problem, content=content)
        for file in files:
            problem = own.problem or file.problem
            readers = (NOBODY,) if problem else principals
            name = f"{key}{ATTACHMENT}{file.name}"
            yield SourceObject(name, 0, file.hint, readers, fields, problem=problem, locator=file.url)

    def _statement(self, key: str, record: Record) -> access.Statement:
        expression = self.settings.document.principals
        try:
            said = search(expression, record) if expression else None
            if said is None:
                return access.SILENT
            names = [said] if isinstance(said, str) else said
            if not isinstance(names, list) or not all(isinstance(one, str) and one.isprintable() for one in names):
                raise ValueError("its principals are not a list of names")
            return access.Statement(checked_principals(tuple(names)))
        except (ValueError, HttpError) as error:
            return access.unreadable(key, str(error), f"mend sources.{self.name}.document.principals, or the record")

    def _content(self, record: Record) -> bytes:
        document = self.settings.document
        title = " ".join(text(document.title, record).split())
        body = text(document.body, record)
        if document.format == "html":
            heading = f"<h1>{html.escape(title)}</h1>\n" if title else ""
            page = f"<html><head><title>{html.escape(title)}</title></head>\n<body>\n{heading}{body}\n</body></html>\n"
            return f"<!doctype html>\n{page}".encode("utf-8", "replace")
        mark = "# " if document.format == "markdown" else ""
        return (f"{mark}{title}\n\n{body}\n" if title else f"{body}\n").encode("utf-8", "replace")

    def _fields(self, record: Record) -> dict[str, str]:
        document = self.settings.document
        said = {"url": document.url, "modified": document.modified, **document.fields}
        return {name: value for name, one in said.items() if one is not None and (value := kept_text(one, record))}
