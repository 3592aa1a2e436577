"""XML of any vocabulary: every element that holds text directly is a paragraph; elements named title are headings.

HTML inside an element, as feeds and filings have it, is read as HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from penstock.parsing.assemble import Draft, Piece, table_text
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import pieces_of_html, spanned_row
from penstock.parsing.formats.html import check_depth, visible
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings

TITLES = {"title", "heading", "head", "article-title", "h1", "h2", "h3", "h4", "h5", "h6"}
ROWS = {"tr", "row"}
CODE = {"code", "pre", "preformat", "programlisting", "screen", "literallayout"}
HTML = re.compile(r"(?is)\s*<(p|div|table|ul|ol|h[1-6]|span|a|b|strong|em|img)\b[^>]*>.*(</\1\s*>|/>)")


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        if "xcessive depth" in str(error):
            raise RefusedDocument(Reason.TOO_DEEP, "tags are nested too deeply", "flatten the document") from None
        if error.code in (etree.ErrorTypes.ERR_TAG_NOT_FINISHED, etree.ErrorTypes.ERR_DOCUMENT_END):
            raise RefusedDocument(Reason.TRUNCATED, "the XML ends early", "copy the file again") from None
        raise
    pieces = list(_pieces(root, 1))
    return Draft(pieces, MEDIA_TYPES[kind], "lxml.xml")


def _pieces(node: Any, level: int) -> Iterator[Piece]:
    """``level`` counts the titled ancestors, which is how deep a title stands."""
    name = _local(node)
    if not name:  # an entity that nothing declared
        return
    if name in ("table", "tgroup") and _has_rows(node):
        yield from _table(node, level)
        return
    mixed = _is_mixed(node)
    if name in TITLES:
        yield Piece("title", _text(node), level)
    elif mixed and len(node) == 0 and name not in CODE and HTML.match(node.text):
        yield from _pieces_of_markup(node.text, level)
    elif mixed:
        yield Piece("text", "".join(node.itertext()))
    else:
        inner = level + any(_local(child) in TITLES for child in node)
        for child in node:
            yield from _pieces(child, level if _local(child) in TITLES else inner)


def _pieces_of_markup(text: str, level: int) -> Iterator[Piece]:
    check_depth(text)
    for piece in pieces_of_html(visible(text)):
        yield replace(piece, depth=piece.depth + level - 1) if piece.kind == "title" else piece


def _table(table: Any, level: int) -> Iterator[Piece]:
    """Rows that follow one another are one table; what stands beside them (a title, a note) is text, no heading."""
    for are_rows, parts in groupby(_parts_of(table, level, {}), key=lambda part: isinstance(part, list)):
        if are_rows:
            yield Piece("table", table_text(parts))
        else:
            yield from (replace(piece, kind="text", depth=0) if piece.kind == "title" else piece for piece in parts)


def _parts_of(table: Any, level: int, hanging: dict[int, tuple[int, str]]) -> Iterator[Any]:
    """Rows as lists of cells, everything else as pieces, in document order."""
    yield from _words(table.text)
    for child in table:
        if _local(child) in ROWS:
            yield _row(child, hanging)
        elif _has_rows(child):
            yield from _parts_of(child, level, hanging)
        else:
            yield from _pieces(child, level)
        yield from _words(child.tail)


def _words(text: str | None) -> Iterator[Piece]:
    if text and text.strip():
        yield Piece("text", text)


def _row(row: Any, hanging: dict[int, tuple[int, str]]) -> list[str]:
    """HTML's cells say what they span; those of other vocabularies (CALS, say) are taken as they stand."""
    if _is_mixed(row):
        return [_text(row)]
    cells = [cell for cell in row if _local(cell)]
    return spanned_row(cells, hanging, _text) if _local(row) == "tr" else [_text(cell) for cell in cells]


def _has_rows(node: Any) -> bool:
    return any(_local(inner) in ROWS for inner in node.iter())


def _local(node: Any) -> str:
    return node.tag.rpartition("}")[2].lower() if isinstance(node.tag, str) else ""


def _text(node: Any) -> str:
    """For titles and cells. Elements beside text are inside a line, others are blocks of their own."""
    return " ".join("".join(_parts(node)).split())


def _parts(node: Any) -> Iterator[str]:
    apart = "" if _is_mixed(node) else " "
    yield node.text or ""
    for child in node:
        yield apart
        if _local(child):
            yield from _parts(child) if len(child) or child.text else " "  # a line break, say
        yield apart
        yield child.tail or ""


def _is_mixed(node: Any) -> bool:
    return bool((node.text or "").strip()) or any((child.tail or "").strip() for child in node)
