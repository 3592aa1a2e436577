"""From unstructured's elements to pieces."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lxml import html  # type: ignore[import-untyped]
from lxml.html import defs  # type: ignore[import-untyped]
from unstructured.documents.elements import Element
from unstructured.partition.html import partition_html as decorated_partition_html

from penstock.parsing.assemble import Piece, table_text
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason

KINDS = {"Title": "title", "ListItem": "list-item", "Table": "table", "CodeSnippet": "code", "Image": "other"}
DROPPED = {"PageBreak", "PageNumber"}
ASIDE = {"Header", "Footer", "Formula", "CheckBox", "FormKeysValues"}
INLINE = defs.phrase_tags | defs.font_style_tags | defs.special_inline_tags
MAX_SPAN = 1000
MAX_TEXT_BYTES = 9_000_000
"""libxml2's limit is 10 MB, and a little less where the text comes in pieces."""
TextOf = Callable[[Any], str]


def undecorated(partition: Callable[..., list[Element]]) -> Callable[..., list[Element]]:
    """The partitioner without telemetry, language detection, hashing and chunking, none of which is used here."""
    plain: Callable[..., list[Element]] = inspect.unwrap(partition)
    return plain


partition_html = undecorated(decorated_partition_html)


def pieces_of_html(text: str) -> Iterator[Piece]:
    """The whole page (its ``<main>`` where it has one) in document order."""
    check_paragraphs(text)
    return to_pieces(partition_html(text=text))


def check_paragraphs(markup: str) -> None:
    """Raise ``TOO_LARGE`` where libxml2 would silently drop a text that no tag divides; scripts it may drop."""
    if len(markup) * 4 < MAX_TEXT_BYTES:
        return
    for part in markup.encode("utf-8", "replace").split(b"<"):
        if len(part) - part.find(b">") > MAX_TEXT_BYTES and not part.startswith((b"script", b"style")):
            raise RefusedDocument(
                Reason.TOO_LARGE, "a paragraph of more than 9 MB", "divide it, or store the document as .txt"
            )


def to_pieces(elements: Iterable[Element]) -> Iterator[Piece]:
    for element in elements:
        category = element.category
        if category in DROPPED:
            continue
        kind = "other" if category in ASIDE else KINDS.get(category, "text")
        page = element.metadata.page_number
        depth = (element.metadata.category_depth or 0) + 1 if kind == "title" else 0
        yield Piece(kind, _table(element) if kind == "table" else element.text, depth, page)


def _table(element: Element) -> str:
    markup = element.metadata.text_as_html
    return table_text(rows_of_html(markup)) if markup else element.text


def rows_of_html(markup: str) -> Iterator[list[str]]:
    """The rows of one table. A cell that spans columns is followed by empty ones and one that spans rows is repeated,
    so that a column stays a column; a table inside a cell is that cell's text.
    """
    parent = html.fragment_fromstring(markup, create_parent=True)
    table = parent.find("table") if parent.find("table") is not None else parent
    hanging: dict[int, tuple[int, str]] = {}
    for row in table.iterfind("caption"):
        yield [_cell_text(row)]
    for row in (row for group in table for row in ([group] if group.tag == "tr" else group.iterchildren("tr"))):
        yield spanned_row(row.iterchildren("td", "th"), hanging, _cell_text)


def spanned_row(found: Iterable[Any], hanging: dict[int, tuple[int, str]], text_of: TextOf) -> list[str]:
    """The texts of a row's cells. ``hanging`` holds, by column, those from above that reach down: rows more, text."""
    cells: list[str] = []
    for cell in [*found, None]:
        while len(cells) in hanging:
            at = len(cells)
            left, text = hanging.pop(at)
            cells.append(text)
            if left > 1:
                hanging[at] = (left - 1, text)
        if cell is not None:
            if (rows := _span(cell, "rowspan")) > 1:
                hanging[len(cells)] = (rows - 1, text_of(cell))
            cells.extend([text_of(cell)] + [""] * (_span(cell, "colspan") - 1))
    return cells


def _cell_text(cell: Any) -> str:
    """One line. What stands inside a line joins the letters beside it, what is a block of its own does not."""
    return " ".join("".join(_parts(cell)).split())


def _parts(node: Any) -> Iterator[str]:
    apart = "" if node.tag in INLINE else " "
    yield apart
    if isinstance(node.tag, str):
        yield node.text or ""
        for child in node:
            yield from _parts(child)
            yield child.tail or ""
    yield apart


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(max(int(value), 1), MAX_SPAN) if value.isdecimal() else 1
