"""The lines that a PDF page draws, and the grids that they make: where a table's rows and columns are.

A page knows no tables, only strokes and filled boxes; a thin box is a line, and any other box has four. Lines that
touch belong together. What stands inside a figure of its own (a form, as PDF calls it) is not looked at.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as raw  # type: ignore[import-untyped]

NEAR_PT = 3.0
"""Lines that are no further apart are one line, and ends that are no further away touch."""
MIN_RULE_PT = 6.0
MIN_SEGMENTS, MAX_SEGMENTS = 6, 4000
MAX_RULES = 400
"""What draws more than that is a picture."""
MAX_SLOTS = 10_000

Point = tuple[float, float]


@dataclass(slots=True)
class Rule:
    """A horizontal line at y = ``at`` from x = ``start`` to ``end``, or a vertical one with x and y changed."""

    at: float
    start: float
    end: float

    def covers(self, place: float) -> bool:
        return self.start - NEAR_PT <= place <= self.end + NEAR_PT


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns between ``xs``, from the left; rows between ``ys``, from the top, both sorted upwards.

    ``cells[row][column]`` is a number, the same in neighbours with no line between them.
    """

    xs: Sequence[float]
    ys: Sequence[float]
    cells: Sequence[Sequence[int]]

    def cell_at(self, x: float, y: float) -> int | None:
        if not (self.xs[0] <= x <= self.xs[-1] and self.ys[0] <= y <= self.ys[-1]):
            return None
        column = min(bisect_right(self.xs, x), len(self.xs) - 1) - 1
        row = min(bisect_right(self.ys, y), len(self.ys) - 1) - 1
        return self.cells[len(self.ys) - 2 - row][column]


def grids_of(page: Any) -> list[Grid]:
    """The grids of two rows and two columns at least, whether or not anything stands in them."""
    level, upright = _rules(page)
    if len(level) + len(upright) > MAX_RULES:
        return []
    return [grid for part in _connected(level, upright) if (grid := _grid(*part))]


def _rules(page: Any) -> tuple[list[Rule], list[Rule]]:
    level: list[Rule] = []
    upright: list[Rule] = []
    for (x0, y0), (x1, y1) in _segments(page):
        if abs(y1 - y0) <= 1 and abs(x1 - x0) >= MIN_RULE_PT:
            level.append(Rule((y0 + y1) / 2, min(x0, x1), max(x0, x1)))
        elif abs(x1 - x0) <= 1 and abs(y1 - y0) >= MIN_RULE_PT:
            upright.append(Rule((x0 + x1) / 2, min(y0, y1), max(y0, y1)))
    return _joined(level), _joined(upright)


def _segments(page: Any) -> Iterator[tuple[Point, Point]]:
    """The straight strokes and edges that can be seen, in the page's coordinates; none where the page is a drawing."""
    paths, segments = [], 0
    for n in range(raw.FPDFPage_CountObjects(page)):
        shape = raw.FPDFPage_GetObject(page, n)
        if raw.FPDFPageObj_GetType(shape) == raw.FPDF_PAGEOBJ_PATH:
            segments += raw.FPDFPath_CountSegments(shape)
            if segments > MAX_SEGMENTS:
                return
            paths.append(shape)
    if segments >= MIN_SEGMENTS:
        for path in paths:
            if _is_seen(path):
                yield from _edges(path)


def _is_seen(path: Any) -> bool:
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(path, ctypes.byref(fill), ctypes.byref(stroke))
    return bool(fill.value or stroke.value)


def _edges(path: Any) -> Iterator[tuple[Point, Point]]:
    """A path with a curve in it is part of a picture."""
    matrix, x, y = raw.FS_MATRIX(), ctypes.c_float(), ctypes.c_float()
    raw.FPDFPageObj_GetMatrix(path, ctypes.byref(matrix))
    a, b, c, d, e, f = matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f
    to_x, to_y = ctypes.byref(x), ctypes.byref(y)
    first = last = (0.0, 0.0)
    for n in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, n)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_BEZIERTO:
            return
        raw.FPDFPathSegment_GetPoint(segment, to_x, to_y)
        here = (a * x.value + c * y.value + e, b * x.value + d * y.value + f)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            first = here
        else:
            yield last, here
        last = here
        if raw.FPDFPathSegment_GetClose(segment):
            yield here, first


def _joined(rules: list[Rule]) -> list[Rule]:
    """Lines on the same height are moved together, those that touch become one."""
    heights = _clusters(rule.at for rule in rules)
    for rule in rules:
        rule.at = min(heights, key=lambda height: abs(height - rule.at))
    whole: list[Rule] = []
    for rule in sorted(rules, key=lambda rule: (rule.at, rule.start)):
        if whole and whole[-1].at == rule.at and rule.start <= whole[-1].end + NEAR_PT:
            whole[-1].end = max(whole[-1].end, rule.end)
        else:
            whole.append(rule)
    return whole


def _clusters(places: Iterable[float]) -> list[float]:
    """Sorted, each standing for those near it."""
    found: list[list[float]] = []
    for place in sorted(places):
        if found and place - found[-1][-1] <= NEAR_PT:
            found[-1].append(place)
        else:
            found.append([place])
    return [sum(group) / len(group) for group in found]


def _connected(level: Sequence[Rule], upright: Sequence[Rule]) -> Iterator[tuple[list[Rule], list[Rule]]]:
    groups = Groups(len(level) + len(upright))
    for i, h in enumerate(level):
        for j, v in enumerate(upright, len(level)):
            if h.covers(v.at) and v.covers(h.at):
                groups.join(i, j)
    parts: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for n, rule in enumerate([*level, *upright]):
        parts.setdefault(groups.first(n), ([], []))[n >= len(level)].append(rule)
    yield from (part for part in parts.values() if len(part[0]) > 1 and part[1])


def _grid(level: Sequence[Rule], upright: Sequence[Rule]) -> Grid | None:
    """Tables are often open at their sides: the ends of the lines bound them too."""
    xs = _clusters([v.at for v in upright] + [min(h.start for h in level), max(h.end for h in level)])
    ys = _clusters([h.at for h in level] + [min(v.start for v in upright), max(v.end for v in upright)])
    width, height = len(xs) - 1, len(ys) - 1
    if width < 2 or height < 2 or width * height > MAX_SLOTS:
        return None
    slots = Groups(width * height)
    for slot in range(width * height):
        row, column = divmod(slot, width)
        y = (ys[height - row - 1] + ys[height - row]) / 2
        x = (xs[column] + xs[column + 1]) / 2
        if column + 1 < width and not _drawn(upright, xs[column + 1], y):
            slots.join(slot, slot + 1)
        if row + 1 < height and not _drawn(level, ys[height - row - 1], x):
            slots.join(slot, slot + width)
    cells = [[slots.first(row * width + column) for column in range(width)] for row in range(height)]
    return Grid(xs, ys, cells) if _are_boxes(cells) else None


def _are_boxes(cells: Sequence[Sequence[int]]) -> bool:
    """Whether every cell is a rectangle. Lines that leave other shapes divide a page, not a table."""
    slots: dict[int, list[tuple[int, int]]] = {}
    for row, drawn in enumerate(cells):
        for column, cell in enumerate(drawn):
            slots.setdefault(cell, []).append((row, column))
    return all(
        (max(rows) - min(rows) + 1) * (max(columns) - min(columns) + 1) == len(found)
        for found in slots.values()
        for rows, columns in [tuple(zip(*found, strict=True))]
    )


def _drawn(rules: Iterable[Rule], at: float, place: float) -> bool:
    return any(abs(rule.at - at) <= NEAR_PT and rule.start <= place <= rule.end for rule in rules)


class Groups:
    """The numbers below ``count``, each alone until joined; a group goes by its first number."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def first(self, one: int) -> int:
        while self._above[one] != one:
            self._above[one] = one = self._above[self._above[one]]
        return one

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low
