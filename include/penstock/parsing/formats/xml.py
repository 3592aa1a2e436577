"""XML of any vocabulary: every element that holds text directly is a paragraph; elements named title are headings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from penstock.parsing.assemble import Draft, Piece, table_text
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import spanned_row
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings

TITLES = {"title", "heading", "head", "article-title", "h1", "h2", "h3", "h4", "h5", "h6"}


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
    if name in ("table", "tgroup"):
        yield Piece("table", table_text(_rows(node)))
        return
    mixed = (node.text or "").strip() or any((child.tail or "").strip() for child in node)
    if name in TITLES:
        yield Piece("title", _text(node), level)
    elif mixed:
        yield Piece("text", "".join(node.itertext()))
    else:
        inner = level + any(_local(child) in TITLES for child in node)
        for child in node:
            yield from _pieces(child, level if _local(child) in TITLES else inner)


def _rows(table: Any) -> Iterator[list[str]]:
    """HTML's cells say what they span; those of other vocabularies (CALS, say) are taken as they stand."""
    hanging: dict[int, tuple[int, str]] = {}
    for row in table.iter():
        if _local(row) == "tr":
            yield spanned_row([cell for cell in row if _local(cell) in ("td", "th")], hanging)
        elif _local(row) == "row":
            yield [_text(cell) for cell in row]


def _local(node: Any) -> str:
    return node.tag.rpartition("}")[2].lower() if isinstance(node.tag, str) else ""


def _text(node: Any) -> str:
    """For titles and cells, whose parts may be blocks: a space between them hurts less than none."""
    return " ".join(" ".join(node.itertext()).split())
