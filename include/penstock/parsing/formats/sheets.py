"""Workbooks, row by row: a sheet is a heading, each block of rows between blank rows a table.

Not unstructured's way, which takes 10 GB for a sheet of 7 MB (its issue 3872).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from penstock.parsing.assemble import Draft, Piece
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.grid import Row, grid_text, held
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings

Sheet = tuple[str, Iterable[Row]]


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    sheets, parser = (_xlsx(data), "openpyxl") if kind == "xlsx" else (_xls(data), "xlrd")
    pieces = [piece for name, rows in sheets for piece in _sheet(name, rows)]
    if all(piece.kind == "title" for piece in pieces):
        raise RefusedDocument(Reason.EMPTY, "no cell holds a value")
    return Draft(pieces, MEDIA_TYPES[kind], parser)


def _sheet(name: str, rows: Iterable[Row]) -> Iterator[Piece]:
    yield Piece("title", name, 1)
    block: list[Row] = []
    for row in rows:
        if row:
            block.append(row)
        elif block:
            yield _table(block)
            block = []
    if block:
        yield _table(block)


def _table(block: list[Row]) -> Piece:
    return Piece("table", grid_text(lambda: block))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


def _xlsx(data: bytes) -> Iterator[Sheet]:
    from openpyxl import load_workbook

    book = load_workbook(BytesIO(data), read_only=True, data_only=True)
    for sheet in book.worksheets:
        yield sheet.title, _xlsx_rows(sheet)


def _xlsx_rows(sheet: Any) -> Iterator[Row]:
    """The cells that the file has. openpyxl fills rows up: to 16,384 places for one value in the last column."""
    from openpyxl.worksheet._reader import WorkSheetParser

    book, last = sheet.parent, 0
    formats = {"date_formats": book._date_formats, "timedelta_formats": book._timedelta_formats}
    with sheet._get_source() as source:
        parser = WorkSheetParser(source, sheet._shared_strings, data_only=True, epoch=book.epoch, **formats)
        for number, cells in parser.parse():
            if number > last + 1:
                yield {}  # rows that the file leaves out are blank
            last = number
            yield held((cell["column"] - 1, _text(cell["value"])) for cell in cells)


def _xls(data: bytes) -> Iterator[Sheet]:
    import xlrd  # type: ignore[import-untyped]

    try:
        book = xlrd.open_workbook(file_contents=data, on_demand=True)
    except xlrd.XLRDError as error:
        if "encrypted" in str(error):
            raise RefusedDocument(Reason.ENCRYPTED, "the workbook is encrypted", "remove its password") from None
        raise
    for sheet in book.sheets():
        yield sheet.name, (_xls_row(book, sheet.row(i)) for i in range(sheet.nrows))


def _xls_row(book: Any, cells: Iterable[Any]) -> Row:
    return held(enumerate(_text(_xls_value(book, cell)) for cell in cells))


def _xls_value(book: Any, cell: Any) -> Any:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        return xlrd.xldate_as_datetime(cell.value, book.datemode)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return bool(cell.value)
    return xlrd.error_text_from_code.get(cell.value, "") if cell.ctype == xlrd.XL_CELL_ERROR else cell.value
