"""The ruled tables of a PDF page: which characters stand in which cell of which grid."""

from __future__ import annotations

import ctypes
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import bidirectional

import pypdfium2.raw as raw  # type: ignore[import-untyped]

from penstock.parsing.assemble import table_text
from penstock.parsing.formats.pdf_rules import Grid, grids_of

MIN_FILLED = 0.3
MAX_CELL_CHARS = 1500
"""A grid with less in it is a form or a picture; one with more in a cell is how a page is laid out."""
MIN_LISTED = 3
HYPHEN_AT_END = re.compile(r"(?<=\w)[\x02\ufffe\u00ad]$|(?<=[a-z])-$")

Cells = dict[int, list[str]]
"""The lines of each cell that holds any, by its number in the grid."""


@dataclass(frozen=True, slots=True)
class Table:
    text: str
    places: frozenset[int]
    """Of its characters in the page's text."""


def tables_of(page: Any, text_page: Any, text: str, indices: Sequence[int]) -> list[Table]:
    """The tables of a page, of whose ``text`` character n is pdfium's number ``indices[n]``."""
    grids = grids_of(page) if page.get_rotation() == 0 else []
    if not grids:
        return []
    lines: dict[int, dict[int, dict[int, str]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(str)))
    places: dict[int, set[int]] = defaultdict(set)
    for place, line, owner in _owned(grids, text_page, text, indices):
        grid, cell = owner
        lines[grid][cell][line] += text[place]
        places[grid].add(place)
    tables = []
    for number, found in lines.items():
        cells = {cell: [line for line in inside.values() if line.strip()] for cell, inside in found.items()}
        if _is_table(grids[number], cells):
            tables.append(Table(_table_text(grids[number], cells), frozenset(places[number])))
    return tables


def _owned(
    grids: Sequence[Grid], text_page: Any, text: str, indices: Sequence[int]
) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Place, number of its line, and grid and cell of every character that stands in one; a space goes with the
    character before it.
    """
    owner, line = None, 0
    left, right, bottom, top = sides = tuple(ctypes.c_double() for _ in range(4))
    to_sides = [ctypes.byref(side) for side in sides]
    for place, char in enumerate(text):
        if not char.isspace():
            raw.FPDFText_GetCharBox(text_page, indices[place], *to_sides)
            x, y = (left.value + right.value) / 2, (bottom.value + top.value) / 2
            owner = next(((n, cell) for n, grid in enumerate(grids) if (cell := grid.cell_at(x, y)) is not None), None)
        line += char == "\n"
        if owner:
            yield place, line, owner


def _is_table(grid: Grid, cells: Cells) -> bool:
    drawn = {cell for row in grid.cells for cell in row}
    rows = sum(len(cells.keys() & set(row)) > 1 for row in grid.cells)
    longest = max(sum(map(len, lines)) for lines in cells.values())
    return rows > 1 and len(cells) >= MIN_FILLED * len(drawn) and longest <= MAX_CELL_CHARS


def _table_text(grid: Grid, cells: Cells) -> str:
    """A cell over several columns is followed by empty ones and one over several rows repeated, as in other formats.
    Of a table in Arabic or Hebrew the first column is the rightmost.
    """
    *above, last = [
        [cells.get(cell, []) if row.index(cell) == column else [] for column, cell in enumerate(row)]
        for row in grid.cells
    ]
    rows = [[joined(lines) for lines in row] for row in above]
    rows += _unruled(last) if len(above) == 1 and len(last) > 2 else [[joined(lines) for lines in last]]
    columns = [column for column in zip(*rows, strict=True) if any(column)]
    if _reads_leftwards(rows):
        columns.reverse()
    return table_text(zip(*columns, strict=True))


def _reads_leftwards(rows: Iterable[Iterable[str]]) -> bool:
    directions = Counter(bidirectional(char) for row in rows for cell in row for char in cell)
    return directions["R"] + directions["AL"] > directions["L"]


def _unruled(row: Sequence[list[str]]) -> list[list[str]]:
    """What stands below a head: many rows where no line divides them and every cell has as many lines of text."""
    counts = {len(lines) for lines in row if lines}
    if len(counts) != 1 or min(counts) < MIN_LISTED:
        return [[joined(lines) for lines in row]]
    return [[lines[n].strip() if lines else "" for lines in row] for n in range(min(counts))]


def joined(lines: Iterable[str]) -> str:
    """Lines of running text as one; a word that was cut at a line's end is whole again."""
    text = ""
    for line in lines:
        cut = HYPHEN_AT_END.search(text, max(len(text) - 2, 0))
        text = text[: cut.start()] + line.strip() if cut else f"{text} {line.strip()}"
    return text.lstrip()
