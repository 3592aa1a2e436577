"""Word and PowerPoint by unstructured; headings are what the styles and placeholders say, never a guess."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO
from typing import Any

from penstock.parsing.assemble import Draft, Piece, table_text
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.charts import figures
from penstock.parsing.formats.from_unstructured import to_pieces, undecorated
from penstock.parsing.formats.word import made_plain, transitional
from penstock.settings import ParserSettings


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    if _is_strict(data):
        data = transitional(data)
    pieces, title = (_docx if kind == "docx" else _pptx)(data)
    return Draft(list(pieces), MEDIA_TYPES[kind], f"unstructured.{kind}", title)


def _is_strict(data: bytes) -> bool:
    """The ISO variant has other names for everything, and python-docx and python-pptx know none of them."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return "_rels/.rels" in archive.namelist() and b"purl.oclc.org/ooxml" in archive.read("_rels/.rels")


def _docx(data: bytes) -> tuple[Iterable[Piece], str]:
    from docx import Document
    from unstructured.partition import docx

    _stop_guessing(docx)
    plain = made_plain(data)
    elements = undecorated(docx.partition_docx)(file=BytesIO(plain))
    return to_pieces(elements), _title(Document(BytesIO(data)))


def _pptx(data: bytes) -> tuple[Iterable[Piece], str]:
    from pptx import Presentation
    from unstructured.partition import pptx

    _stop_guessing(pptx)
    elements = undecorated(pptx.partition_pptx)(file=BytesIO(data), include_slide_notes=True)
    presentation = Presentation(BytesIO(data))
    charts = {number: found for number, slide in enumerate(presentation.slides, 1) if (found := list(_charts(slide)))}
    return _with_charts(to_pieces(elements), charts), _title(presentation)


def _charts(slide: Any) -> Iterator[str]:
    for shape in slide.shapes:
        if shape.has_chart:
            with suppress(ValueError):  # a kind of chart that python-pptx does not know
                yield table_text(figures(shape.chart))


def _with_charts(pieces: Iterable[Piece], charts: dict[int, list[str]]) -> Iterator[Piece]:
    """A slide's charts stand behind everything else on it."""
    for piece in pieces:
        for number in [number for number in charts if piece.page is not None and number < piece.page]:
            yield from (Piece("table", text, 0, number) for text in charts.pop(number))
        yield piece
    for number, texts in charts.items():
        yield from (Piece("table", text, 0, number) for text in texts)


def _stop_guessing(module: Any) -> None:
    """A short line in a text box is not a heading, and asking the sentence model about each costs most of the time."""
    module.is_possible_narrative_text = lambda *_: False
    module.is_possible_title = lambda *_: False


def _title(opened: Any) -> str:
    title = str(opened.core_properties.title or "")
    return "" if title.lower() in ("powerpoint presentation", "word document", "presentation") else title
