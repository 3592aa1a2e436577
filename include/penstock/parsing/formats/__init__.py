"""One module a family of formats: each takes bytes and returns a ``Draft``. Libraries are imported on first use."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from penstock.parsing.assemble import Draft
from penstock.settings import ParserSettings

MODULES = {
    "md": "markdown",
    "html": "html",
    "txt": "text",
    **dict.fromkeys(("csv", "tsv"), "delimited"),
    **dict.fromkeys(("json", "ndjson"), "json"),
    "vtt": "subtitles",
    "xml": "xml",
    "pdf": "pdf",
    **dict.fromkeys(("docx", "pptx"), "office"),
    **dict.fromkeys(("xlsx", "xls"), "sheets"),
    **dict.fromkeys(("rst", "org", "rtf", "odt", "epub", "adoc", "tex"), "pandoc"),
    **dict.fromkeys(("eml", "msg"), "mail"),
    **dict.fromkeys(("zip", "tar", "gz"), "archive"),
}


def draft_of(kind: str, name: str, data: bytes, settings: ParserSettings) -> Draft:
    """Parse ``data`` as ``kind``, a key of ``MODULES``."""
    module = import_module(f"penstock.parsing.formats.{MODULES[kind]}")
    read: Callable[[str, str, bytes, ParserSettings], Draft] = module.read
    return read(kind, name, data, settings)
