"""The text layer of a PDF by pypdfium2: lines into paragraphs by their distance, headings by their size."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as raw  # type: ignore[import-untyped]

from penstock.parsing.assemble import Draft, Piece
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.pdf_tables import Table, joined, tables_of
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings

END_WITHIN = 2048
HEADING_RATIO = 1.15
MAX_HEADING_CHARS = 200
MAX_HEADING_DEPTH = 4
PARAGRAPH_GAP = 1.6
"""Lines whose baselines are further apart than so many font sizes belong to two paragraphs."""
BULLET = re.compile(r"^\s*[•‣◦▪●·–]\s+")
PAGE_NUMBER = re.compile(r"^[-–—\s]*\d{1,4}[-–—\s]*$")
EMPTY_TITLES = re.compile(r"(?i)^(untitled|microsoft \w+ - .*|.*\.(docx?|pptx?|xlsx?|tex|dvi|pdf|indd))?$")


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    size: float
    baseline: float
    page: int
    table: bool = False
    """Then ``text`` is a whole table, a row a line."""


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    if b"%%EOF" not in data[-END_WITHIN:]:
        raise RefusedDocument(Reason.TRUNCATED, "the PDF has no end mark", "copy the file to the source again")
    document = _open(data)
    try:
        lines = [line for n in range(len(document)) for line in _without_number(list(_lines(document[n], n + 1)))]
        title = document.get_metadata_value("Title").strip()
        pages = len(document)
    finally:
        document.close()
    if not any(line.text.strip() for line in lines):
        raise RefusedDocument(
            Reason.UNSUPPORTED, f"no text layer on its {pages} pages", "it needs OCR, which penstock does not do"
        )
    return Draft(list(_pieces(lines)), MEDIA_TYPES[kind], "pypdfium2", "" if EMPTY_TITLES.match(title) else title)


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise RefusedDocument(Reason.ENCRYPTED, "the PDF needs a password", "store it without one") from None
        raise RefusedDocument(
            Reason.TRUNCATED, "the PDF's structure is damaged", "open it in a viewer and save it again"
        ) from None


def _lines(page: pdfium.PdfPage, number: int) -> Iterator[Line]:
    text_page = page.get_textpage()
    try:
        text = text_page.get_text_range()
        indices = _indices(text_page, text)
        for place, line, table in _in_order(text, tables_of(page, text_page, text, indices)):
            index = indices[place]
            size = round(raw.FPDFText_GetFontSize(text_page, index) * _scale(text_page, index), 1)
            yield Line(line, size, _baseline(text_page, index), number, table)
    finally:
        text_page.close()
        page.close()


def _indices(text_page: pdfium.PdfTextPage, text: str) -> Sequence[int]:
    """What pdfium counts each character of its text as: it leaves some out, and it counts in UTF-16."""
    if len(text) == text_page.count_chars():
        return range(len(text))
    units = accumulate((1 + (char > "\uffff") for char in text), initial=0)
    return [max(raw.FPDFText_GetCharIndexFromTextIndex(text_page, unit), 0) for unit in units]


def _in_order(text: str, tables: Sequence[Table]) -> Iterator[tuple[int, str, bool]]:
    """Where it begins, what it says, and whether it is a table: lines, and each table where its first character is."""
    begins = {min(table.places): table for table in tables}
    inside = frozenset[int]().union(*(table.places for table in tables))
    at = 0
    for line in text.splitlines(keepends=True):
        places: Sequence[int] = range(at, at + len(line))
        at += len(line)
        yield from ((place, begins[place].text, True) for place in begins if place in places)
        if inside and not inside.isdisjoint(places):
            places = [place for place in places if place not in inside]
            line = "".join(text[place] for place in places)
        if line.strip():
            yield places[len(line) - len(line.lstrip())], line.strip(), False


def _without_number(lines: list[Line]) -> list[Line]:
    """A page's own number, alone on its first or last line, would stand in the middle of a sentence."""
    for at in (0, -1):
        if len(lines) > 1 and PAGE_NUMBER.match(lines[at].text):
            del lines[at]
    return lines


def _scale(text_page: pdfium.PdfTextPage, index: int) -> float:
    """How much the page's matrix enlarges the font, which many writers set to 1 and scale up."""
    matrix = raw.FS_MATRIX()
    if not raw.FPDFText_GetMatrix(text_page, index, ctypes.byref(matrix)):
        return 1.0
    return float((matrix.c**2 + matrix.d**2) ** 0.5) or 1.0


def _baseline(text_page: pdfium.PdfTextPage, index: int) -> float:
    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(text_page, index, ctypes.byref(x), ctypes.byref(y))
    return y.value


def _pieces(lines: list[Line]) -> Iterator[Piece]:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += len(line.text)
    body = weights.most_common(1)[0][0]
    larger = sorted((size for size in weights if size > body * HEADING_RATIO), reverse=True)
    depths = {size: min(rank, MAX_HEADING_DEPTH) for rank, size in enumerate(larger, 1)}
    group: list[Line] = []
    for line in lines:
        if group and not _continues(group[-1], line):
            yield _piece(group, depths)
            group = []
        group.append(line)
    if group:
        yield _piece(group, depths)


def _continues(above: Line, line: Line) -> bool:
    gap = above.baseline - line.baseline
    return (
        not (above.table or line.table)
        and above.page == line.page
        and abs(above.size - line.size) <= 0.1 * max(above.size, 1)
        and -0.5 * line.size <= gap <= PARAGRAPH_GAP * max(line.size, 1)
        and not BULLET.match(line.text)
    )


def _piece(group: list[Line], depths: dict[float, int]) -> Piece:
    if group[0].table:
        return Piece("table", group[0].text, 0, group[0].page)
    text = joined(line.text for line in group)
    size, page = group[0].size, group[0].page
    if size in depths and len(text) <= MAX_HEADING_CHARS and any(char.isalpha() for char in text):
        return Piece("title", text, depths[size], page)
    if BULLET.match(text):
        return Piece("list-item", BULLET.sub("", text), 0, page)
    return Piece("text", text, 0, page)
