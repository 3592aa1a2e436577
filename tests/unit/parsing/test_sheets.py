"""A sheet costs what it holds: neither a cell far to the right nor a thousand commas make it wide."""

import pytest
from openpyxl import Workbook

from unit.parsing.documents import saved

FAR = 16_384
"""XFD, the last column of a sheet."""


def xlsx(cells):
    book = Workbook()
    for (row, column), value in cells.items():
        book.active.cell(row, column, value)
    return saved(book)


def table(parsed):
    [only] = [one.text for one in parsed.elements if one.kind == "table"]
    return only


def test_a_stray_cell_makes_one_column_more(parse):
    cells = {(row, 1): row for row in range(1, 301)} | {(2, FAR): "stray"}
    assert table(parse("a.xlsx", xlsx(cells))).splitlines()[:3] == ["1", "2 | stray", "3"]


def test_columns_that_hold_nothing_go_and_cells_stay_under_their_heads(parse):
    cells = {(2, 3): "part", (2, 5): "count", (2, 9): "note", (3, 3): "rotor", (3, 9): "turns", (4, 5): 2, (4, 7): " "}
    assert table(parse("a.xlsx", xlsx(cells))) == "part | count | note\nrotor |  | turns\n| 2"


def test_a_sheet_of_cells_far_apart_says_their_columns(parse):
    text = table(parse("a.xlsx", xlsx({(n, 1 + n * 50): f"cell {n}" for n in range(1, 301)})))
    assert text.splitlines()[:2] == ["AY: cell 1", "CW: cell 2"]
    assert len(text.splitlines()) == 300
    assert len(text) < 300 * len("XFD: cell 300\n")


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t")])
def test_marks_without_values_make_no_columns(parse, name, mark):
    rows = [f"{row}{mark * FAR}" for row in range(100)]
    rows[1] = f"1{mark * FAR}stray"
    assert table(parse(name, "\n".join(rows))).splitlines()[:3] == ["0", "1 | stray", "2"]
