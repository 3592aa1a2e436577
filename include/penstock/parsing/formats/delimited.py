"""Comma- and tab-separated values as one table of every row, and of every column that holds anything."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from penstock.parsing.assemble import Draft, Piece
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.grid import Row, grid_text, held
from penstock.settings import ParserSettings

SNIFFED_CHARS = 64_000
MAX_FIELD_CHARS = 1 << 27


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    text = decode(data).replace("\0", "")
    delimiter = "\t" if kind == "tsv" else _delimiter(text[:SNIFFED_CHARS])
    table = grid_text(lambda: _rows(text, delimiter))
    return Draft([Piece("table", table)], MEDIA_TYPES[kind], "csv")


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(MAX_FIELD_CHARS)
    return (held(enumerate(row)) for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter))


def _delimiter(sample: str) -> str:
    """The one that cuts most lines into the same number of cells, a comma in doubt."""
    lines = [line for line in sample.splitlines()[:50] if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        most = max(set(counts), key=lambda n: (n > 0, counts.count(n))) if counts else 0
        return (counts.count(most) if most else 0, delimiter == ",")

    return max(",;\t|", key=agreement)
