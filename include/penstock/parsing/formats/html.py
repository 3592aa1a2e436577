"""Web pages: the article where the page is one (trafilatura), the whole page otherwise (unstructured)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree  # type: ignore[import-untyped]
from lxml.html import HTMLParser, document_fromstring, tostring  # type: ignore[import-untyped]

from penstock.parsing.assemble import Draft, Piece, table_text
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import check_paragraphs, pieces_of_html
from penstock.parsing.formats.text import pieces_of_text
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings

MIN_ARTICLE_CHARS = 250
MAX_DEPTH = 200
CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w:-]{2,40})", re.IGNORECASE)
HEAD_BYTES = 4096
TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
WHOLE = {"html", "body", "main", "article"}
"""What a script uncovers once the page is there."""
BLOCKS = {"p", "head", "list", "quote", "table", "code", "item", "div"}


def read(kind: str, _name: str, data: bytes, settings: ParserSettings) -> Draft:
    text = html_text(data)
    check_depth(text)
    check_paragraphs(text)
    text = visible(text)
    found = TITLE.search(text)
    title = html.unescape(found[1]) if found else ""
    if settings.html_articles and (draft := _article(text, MEDIA_TYPES[kind], title)):
        return draft
    pieces = list(pieces_of_html(text)) or _leftovers(text)
    return Draft(pieces, MEDIA_TYPES[kind], "unstructured.html", title)


def visible(text: str) -> str:
    """The page without what its own markup hides: words that no reader sees, and that were put there for machines."""
    if not HIDDEN.search(text):
        return text
    page = document_fromstring(text.encode("utf-8", "replace"), parser=HTMLParser(encoding="utf-8"))
    for element in list(page.iter(etree.Element)):
        if element.tag not in WHOLE and HIDDEN.search(element.get("style", "")) and element.getparent() is not None:
            element.drop_tree()
    return str(tostring(page, encoding="unicode", doctype="<!doctype html>"))


def _leftovers(text: str) -> list[Piece]:
    """The visible text of a page that keeps all of it where unstructured does not look (a form, beside ``main``)."""
    from trafilatura import html2txt

    return list(pieces_of_text(html2txt(text)))


def html_text(data: bytes) -> str:
    """By byte order mark, else by the declared charset, else as any text."""
    declared = CHARSET.search(data[:HEAD_BYTES])
    if declared and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode(declared[1].decode("ascii"))
        except (UnicodeDecodeError, LookupError):
            pass
    return decode(data)


def check_depth(text: str) -> None:
    """Raise ``TOO_DEEP`` where libxml2 would silently drop what is nested deeper than it likes."""
    parser = etree.HTMLParser(target=_Depth(), no_network=True)
    try:
        deepest = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError):
        return
    if isinstance(deepest, int) and deepest > MAX_DEPTH:
        raise RefusedDocument(Reason.TOO_DEEP, f"tags are nested more than {MAX_DEPTH} deep", "flatten the page")


class _Depth:
    """A parser target that only counts."""

    def __init__(self) -> None:
        self.now = self.deepest = 0

    def start(self, _tag: str, _attributes: Any) -> None:
        self.now += 1
        self.deepest = max(self.deepest, self.now)

    def end(self, _tag: str) -> None:
        self.now -= 1

    def close(self) -> int:
        return self.deepest


def _article(text: str, media_type: str, title: str) -> Draft | None:
    """The main content, or ``None`` where the page is no article or too little of it would be left."""
    from trafilatura import bare_extraction
    from trafilatura.readability_lxml import is_probably_readerable

    if not is_probably_readerable(text):
        return None
    document: Any = bare_extraction(text, include_comments=False, include_formatting=True, with_metadata=True)
    if document is None or len(document.text or "") < MIN_ARTICLE_CHARS:
        return None
    pieces = list(_pieces(document.body))
    heading = document.title or title
    if heading and not any(piece.kind == "title" and piece.depth == 1 for piece in pieces):
        pieces.insert(0, Piece("title", heading, 1))
    return Draft(pieces, media_type, "trafilatura", heading)


def _pieces(node: Any) -> Iterator[Piece]:
    for child in node:
        match child.tag:
            case "head":
                yield Piece("title", _inline(child), int((child.get("rend") or "h2")[-1]))
            case "item":
                yield Piece("list-item", _inline(child))
                yield from _pieces_of_blocks(child)
            case "table":
                rows = ([_inline(cell) for cell in row.iter("cell")] for row in child.iter("row"))
                yield Piece("table", table_text(rows))
            case "code":
                yield Piece("code", "".join(child.itertext()))
            case "list" | "div" | "quote" if any(inner.tag in BLOCKS for inner in child):
                yield Piece("text", child.text or "")
                yield from _pieces(child)
            case _:
                yield Piece("text", _inline(child))
        if child.tail and child.tail.strip():
            yield Piece("text", child.tail)


def _pieces_of_blocks(item: Any) -> Iterator[Piece]:
    for child in item:
        if child.tag in ("list", "table", "code"):
            yield from _pieces([child])


def _inline(node: Any) -> str:
    """The text of a block without the blocks inside it that are pieces of their own."""
    parts = [node.text or ""]
    for child in node:
        if child.tag == "lb":
            parts.append("\n")
        elif not (node.tag == "item" and child.tag in ("list", "table", "code")):
            parts.append(_inline(child))
        parts.append(child.tail or "")
    return "".join(parts)
