"""A record of an API as a document: the template's expressions over it, and nothing of it besides."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from penstock.http_settings import ApiSource
from penstock.ids import hash_of, sha256
from penstock.keys import ATTACHMENT
from penstock.records import NOBODY, Reason, Refusal, SourceObject
from penstock.source_settings import checked_principals
from penstock.sources import access
from penstock.sources.http.errors import HttpError, where

ENDINGS = {"markdown": ".md", "html": ".html", "text": ".txt"}
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Template:
    """Makes documents of records. ``base_url`` is what addresses of files are relative to."""

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
        content, fields = b"", dict[str, str]()
        try:
            content, fields = self._content(record), self._fields(record)
        except (ValueError, HttpError) as error:
            problem = problem or Refusal(Reason.SOURCE_ERROR, str(error), f"mend sources.{self.name}.document")
        readers = (NOBODY,) if problem else principals
        yield SourceObject(key, len(content), sha256(content), readers, fields, problem=problem, content=content)
        if self.settings.attachments is not None:
            yield from self._files(key, record, principals, fields, own.problem)

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
        title = " ".join(_text(document.title, record).split())
        body = _text(document.body, record)
        if document.format == "html":
            heading = f"<h1>{html.escape(title)}</h1>\n" if title else ""
            page = f"<html><head><title>{html.escape(title)}</title></head>\n<body>\n{heading}{body}\n</body></html>\n"
            return f"<!doctype html>\n{page}".encode("utf-8", "replace")
        mark = "# " if document.format == "markdown" else ""
        return (f"{mark}{title}\n\n{body}\n" if title else f"{body}\n").encode("utf-8", "replace")

    def _fields(self, record: Record) -> dict[str, str]:
        document = self.settings.document
        said = {"url": document.url, "modified": document.modified, **document.fields}
        return {name: text for name, one in said.items() if one is not None and (text := _text(one, record))}

    def _files(
        self,
        key: str,
        record: Record,
        principals: tuple[str, ...] | None,
        fields: Mapping[str, str],
        problem: Refusal | None,
    ) -> Iterator[SourceObject]:
        settings = self.settings.attachments
        assert settings is not None
        files = search(settings.each, record) or []
        if not isinstance(files, list):
            raise HttpError(f"{settings.each!r} is no list in a record", f"mend sources.{self.name}.attachments.each")
        taken: set[str] = set()
        for file in files:
            try:
                said, address = _text(settings.name, file), _text(settings.url, file)
                version = _text(settings.version, file) or address
            except ValueError as error:
                raise HttpError(str(error), f"mend sources.{self.name}.attachments") from None
            name = _unlike(taken, PurePosixPath(said.replace("\\", "/")).name or "unnamed")
            url = urljoin(self.settings.base_url, address)
            found = problem or self._not_here(address, url)
            readers = (NOBODY,) if found else principals
            hint = hash_of("file", version)
            yield SourceObject(f"{key}{ATTACHMENT}{name}", 0, hint, readers, fields, problem=found, locator=url)

    def _not_here(self, address: str, url: str) -> Refusal | None:
        remedy = "store it with the record"
        if not address:
            return Refusal(Reason.SOURCE_ERROR, "its file has no address", remedy)
        if urlsplit(url)[:2] != urlsplit(self.settings.base_url)[:2]:
            return Refusal(Reason.SOURCE_ERROR, f"its file lies elsewhere, at {where(url)}", remedy)
        return None


def search(expression: str, record: Any) -> Any:
    """What a JMESPath expression says of a record. Raises ``HttpError`` where it does not fit what it is read from."""
    try:
        return jmespath.search(expression, record)
    except JMESPathError as error:
        said = " ".join(str(error).split()).split(", received")[0]  # its words may hold the value
        raise HttpError(f"{expression!r} cannot be read from a record: {said}", "mend the expression") from None


def _text(expression: str | None, record: Any) -> str:
    """What an expression says, as text; nothing for null. Raises ``ValueError`` where it is a list or an object."""
    value = search(expression, record) if expression else None
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise ValueError(f"{expression!r} is a {type(value).__name__} in the record, not text")


def _unlike(taken: set[str], name: str) -> str:
    """The name, or with a number where another file of the record has it."""
    path, n = PurePosixPath(name), 1
    while name in taken:
        n += 1
        name = f"{path.stem} ({n}){path.suffix}"
    taken.add(name)
    return name
