"""The files that are attached to a record: each a document of its own, fetched from the API's own host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urljoin, urlsplit

from penstock.http_settings import ApiSource, AttachedFiles
from penstock.ids import hash_of
from penstock.records import Reason, Refusal
from penstock.sources.api.expressions import search, text
from penstock.sources.http.errors import HttpError, where


@dataclass(frozen=True)
class AttachedFile:
    """``hint`` changes with the file. ``problem`` is set where it cannot be had."""

    name: str
    hint: str
    url: str
    problem: Refusal | None = None


def attached(source: str, settings: ApiSource, record: Any) -> list[AttachedFile]:
    """The files of a record, no two of one name. Raises ``ValueError`` or ``HttpError`` where they are no list."""
    if settings.attachments is None:
        return []
    files = search(settings.attachments.each, record) or []
    if not isinstance(files, list):
        kind = type(files).__name__
        raise ValueError(f"{settings.attachments.each!r} is a {kind} in the record, not a list")
    return list(_unlike(_read(source, settings.base_url, settings.attachments, file) for file in files))


def _read(source: str, base_url: str, settings: AttachedFiles, file: Any) -> AttachedFile:
    name = ""
    try:
        name = _file_name(text(settings.name, file))
        address = text(settings.url, file)
        hint = hash_of("file", text(settings.version, file) or address)
        return AttachedFile(name, hint, _here(base_url, address))
    except (ValueError, HttpError) as error:
        remedy = f"store it with the record, or mend sources.{source}.attachments"
        return AttachedFile(name or "unnamed", "", "", Refusal(Reason.SOURCE_ERROR, str(error), remedy))


def _file_name(said: str) -> str:
    """The last part of a path, as a key can hold it.

    >>> _file_name("../a/pl\\n\\0an.pdf"), _file_name("")
    ('pl__an.pdf', 'unnamed')
    """
    name = PurePosixPath(said.replace("\\", "/")).name or "unnamed"
    return "".join(char if char.isprintable() else "_" for char in name)


def _here(base_url: str, address: str) -> str:
    """The whole address of a file that lies on the API's own host; else raises ``ValueError``."""
    if not address:
        raise ValueError("its file has no address")
    try:
        url = urljoin(base_url, address)
        here = urlsplit(url)[:2] == urlsplit(base_url)[:2]
    except ValueError:
        url = ""
    if not url or not address.isprintable():
        raise ValueError("its file's address cannot be read")
    if not here:
        raise ValueError(f"its file lies elsewhere, at {where(url)}")
    return url


def _unlike(files: Iterable[AttachedFile]) -> Iterator[AttachedFile]:
    """The files, with a number in the name where another one of the record has it."""
    taken: set[str] = set()
    for file in files:
        path, name, n = PurePosixPath(file.name), file.name, 1
        while name in taken:
            n += 1
            name = f"{path.stem} ({n}){path.suffix}"
        taken.add(name)
        yield replace(file, name=name)
