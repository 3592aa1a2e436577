"""The page of results, ``benchmarks/RESULTS.md``: a section a part, each with when and on what it was measured.

A part that is measured again replaces its section. Sections may be of different machines: figures are compared within
one, and a ratio between two contenders of one section is what the project goes by.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks import machine
from benchmarks.replay import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "RESULTS.md"
HEAD = "# Benchmarks\n\n`make bench`, part by part; each says when, and on what, it was measured."
MARK = re.compile(r"(?m)^<!-- part: (\w+) -->\n")


class Results:
    """The page in a file, written anew whenever a part is done; ``order`` is that of its sections."""

    def __init__(self, path: Path, order: Iterable[str]) -> None:
        self._path, self._order = path, list(order)
        self._sections = read(path.read_text(encoding="utf-8") if path.exists() else "")

    def keep(self, name: str, lines: Iterable[str]) -> None:
        self._sections[name] = "\n".join(lines).strip()
        parts = [f"<!-- part: {one} -->\n{self._sections[one]}" for one in self._order if one in self._sections]
        self._path.write_text("\n\n".join([HEAD, *parts]) + "\n", encoding="utf-8")


def read(page: str) -> dict[str, str]:
    """The sections of a page by the names of their parts.

    >>> read("# Head\\n\\n<!-- part: cold -->\\n## 1\\nfast\\n\\n<!-- part: many -->\\n## 2\\n")
    {'cold': '## 1\\nfast', 'many': '## 2'}
    """
    _, *rest = MARK.split(page)
    return {name: text.strip() for name, text in zip(rest[::2], rest[1::2], strict=True)}


def measured_now(before: str) -> str:
    """The line under a section: when, with what, and what else the machine did meanwhile."""
    at = time.strftime("%Y-%m-%d %H:%M")
    load = f"load (1 and 5 minutes) {before} before, {machine.load()} after"
    return f"Measured until {at} on {machine.name()}; {machine.software()}; {load}."
