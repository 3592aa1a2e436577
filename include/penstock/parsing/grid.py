"""Tables of cells that stand anywhere: as wide as what they hold, however far apart it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from string import ascii_uppercase

from penstock.parsing.assemble import table_text

Row = Mapping[int, str]
"""The cells that hold anything, by their column from 0."""

SPARSE = 16
"""With more places than this for each cell, a table is mostly bars."""


def held(cells: Iterable[tuple[int, str]]) -> Row:
    """The row of these cells, each with its column."""
    return {at: cell for at, cell in cells if cell and not cell.isspace()}


def grid_text(rows: Callable[[], Iterable[Row]]) -> str:
    """The table of ``rows``, which are gone through twice: columns in which nothing stands are left out.

    A row's cells stay under their heads, short of empty ones at its end. Where few places are taken, each cell says its
    column instead, as sheets call it: the text is never more than some times as long as what the cells hold.

    >>> grid_text(lambda: [{0: "a", 5: "b"}, {5: "1"}])
    'a | b\\n| 1'
    >>> grid_text(lambda: [{n: str(n)} for n in range(0, 1000, 25)]).splitlines()[:3]
    ['A: 0', 'Z: 25', 'AY: 50']
    """
    columns: set[int] = set()
    count = cells = 0
    for row in rows():
        columns.update(row)
        count += bool(row)
        cells += len(row)
    if len(columns) * count > SPARSE * cells:
        return table_text([f"{_letters(at)}: {cell}" for at, cell in row.items()] for row in rows())
    places = sorted(columns)
    return table_text([row.get(at, "") for at in places if at <= max(row)] for row in rows() if row)


def _letters(column: int) -> str:
    """A to Z, then AA.

    >>> [_letters(at) for at in (0, 25, 26, 16_383)]
    ['A', 'Z', 'AA', 'XFD']
    """
    above, last = divmod(column, len(ascii_uppercase))
    return (_letters(above - 1) if above else "") + ascii_uppercase[last]
