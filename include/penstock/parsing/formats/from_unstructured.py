"""From unstructured's elements to pieces."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lxml import etree, html  # type: ignore[import-untyped]
from unstructured.documents.elements import Element
from unstructured.partition.html import partition_html as decorated_partition_html

from penstock.parsing.assemble import Piece, table_text

KINDS = {"Title": "title", "ListItem": "list-item", "Table": "table", "CodeSnippet": "code", "Image": "other"}
DROPPED = {"PageBreak", "PageNumber"}
ASIDE = {"Header", "Footer", "Formula", "CheckBox", "FormKeysValues"}
MAX_SPAN = 1000


def undecorated(partition: Callable[..., list[Element]]) -> Callable[..., list[Element]]:
    """The partitioner without telemetry, language detection, hashing and chunking, none of which is used here."""
    plain: Callable[..., list[Element]] = inspect.unwrap(partition)
    return plain


partition_html = undecorated(decorated_partition_html)


def pieces_of_html(text: str) -> Iterator[Piece]:
    """The whole page (its ``<main>`` where it has one) in document order."""
    return to_pieces(partition_html(text=text))


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
    """The rows of one table; a cell that spans columns is followed by empty ones, so that columns stay in line."""
    table = html.fragment_fromstring(markup, create_parent=True)
    for row in table.iter("tr", "caption"):
        if row.tag == "caption":
            yield [_cell_text(row)]
            continue
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            cells.append(_cell_text(cell))
            cells.extend([""] * (_span(cell) - 1))
        yield cells


def _cell_text(cell: Any) -> str:
    return " ".join(" ".join(cell.itertext()).split())


def _span(cell: etree._Element) -> int:
    value = cell.get("colspan", "1")
    return min(max(int(value), 1), MAX_SPAN) if value.isdecimal() else 1
