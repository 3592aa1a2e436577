"""The page of results, ``benchmarks/RESULTS.md``: a section a part, each with when it was measured and beside what.

A part that is measured again replaces its section; on another machine the page begins anew.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from pathlib import Path

from benchmarks import machine
from benchmarks.replay import REPOSITORY

RESULTS = REPOSITORY / "benchmarks" / "RESULTS.md"
MARK = re.compile(r"(?m)^<!-- part: (\w+) -->\n")


class Results:
    """The page in a file, written anew whenever a part is done; ``order`` is that of its sections."""

    def __init__(self, path: Path, order: Iterable[str]) -> None:
        self._path, self._order = path, list(order)
        self._head = "\n".join(
            ["# Benchmarks", "", "`make bench`, or parts of it, on this machine:", "", *machine.lines()]
        )
        head, sections = read(path.read_text(encoding="utf-8") if path.exists() else "")
        self._sections = sections if head == self._head else {}

    def keep(self, name: str, lines: Iterable[str]) -> None:
        self._sections[name] = "\n".join(lines).strip()
        parts = [f"<!-- part: {one} -->\n{self._sections[one]}" for one in self._order if one in self._sections]
        self._path.write_text("\n\n".join([self._head, *parts]) + "\n", encoding="utf-8")


def read(page: str) -> tuple[str, dict[str, str]]:
    """The head of a page, and its sections by the names of their parts.

    >>> read("# Head\\n\\n<!-- part: cold -->\\n## 1\\nfast\\n\\n<!-- part: many -->\\n## 2\\n")
    ('# Head', {'cold': '## 1\\nfast', 'many': '## 2'})
    """
    head, *rest = MARK.split(page)
    return head.strip(), {name: text.strip() for name, text in zip(rest[::2], rest[1::2], strict=True)}


def measured_now(before: str) -> str:
    """The line under a section: when, with what, and what else the machine did meanwhile."""
    at = time.strftime("%Y-%m-%d %H:%M")
    return f"Measured until {at}, {machine.software()}; load (1 and 5 minutes) {before} before, {machine.load()} after."
