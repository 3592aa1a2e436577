"""Lines, aligned columns and paragraphs on stdout, and figures in words. Everything else in this package uses these."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

Part = str | tuple[str, str] | Text
"""Plain text, text with a style, or text that has its styles already."""

GOOD, WARN, BAD, QUIET, STRONG = "green", "yellow", "red", "dim", "bold"
MAX_PROSE_WIDTH = 100
# Control characters move a terminal's cursor, and the bidirectional marks reorder what a person reads.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def safe(text: str) -> str:
    r"""Drop what a terminal would obey rather than show.

    >>> safe("a\x1b[2Jb")
    'a[2Jb'
    """
    return _UNSAFE.sub("", text)


def text(*parts: Part) -> Text:
    whole = Text()
    for part in parts:
        if isinstance(part, Text):
            whole.append_text(part)
        elif isinstance(part, str):
            whole.append(safe(part))
        else:
            whole.append(safe(part[0]), style=part[1])
    return whole


def line(*parts: Part) -> None:
    """Print one line, however long: a terminal wraps it, and a copy of it stays whole."""
    console().print(text(*parts), soft_wrap=True)


def prose(*parts: Part, indent: int = 2, hang: int = 0) -> None:
    """Print a paragraph, wrapped between words; lines after the first are indented ``hang`` further."""
    out = console()
    width = min(out.width, MAX_PROSE_WIDTH) - indent - hang
    for number, part in enumerate(text(*parts).wrap(out, max(width, 20))):
        part.rstrip()
        out.print(Text(" " * (indent + (hang if number else 0))) + part, soft_wrap=True)


def rows(table: Iterable[Sequence[Part]], indent: int = 2, right: Sequence[int] = ()) -> None:
    """Print rows with their columns aligned; the columns named by ``right`` are aligned to the right."""
    cells = [[text(cell) for cell in row] for row in table]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        out = Text(" " * indent)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
            gap = " " * (width - cell.cell_len)
            out.append_text(Text(gap) + cell if number in right else cell + Text(gap))
            out.append("  ")
        out.rstrip()
        console().print(out, soft_wrap=True)


def blank() -> None:
    console().print()


def command(words: str) -> Part:
    return (words, "cyan")


def hint(label: str, *commands: str) -> None:
    """Print what to do next, one command to a line."""
    for number, words in enumerate(commands):
        line("  ", (label if number == 0 else " " * len(label), QUIET), "  ", command(words))


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun.

    >>> count(1, "document"), count(1200, "document"), count(2, "query", "queries")
    ('1 document', '1,200 documents', '2 queries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size(n_bytes: float) -> str:
    """Bytes for people.

    >>> size(512), size(296_763), size(31_000_000)
    ('512 bytes', '297 kB', '31 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes:.0f} bytes"
    for unit in ("kB", "MB", "GB"):
        n_bytes /= 1000
        if n_bytes < 999.5:
            return f"{n_bytes:.1f} {unit}" if n_bytes < 9.95 else f"{n_bytes:.0f} {unit}"
    return f"{n_bytes / 1000:.1f} TB"


def seconds(value: float) -> str:
    """A duration to read at a glance.

    >>> seconds(0.008), seconds(7.65), seconds(125)
    ('0.01 s', '7.7 s', '2 min 5 s')
    """
    if value < 0.995:
        return f"{value:.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    return f"{value // 60:.0f} min {value % 60:.0f} s"


def span(value: float) -> str:
    """A long time in words, to its largest unit.

    >>> span(1), span(100), span(172_800)
    ('1 second', '2 minutes', '2 days')
    """
    for unit, length in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if value >= 1.5 * length or value == length:
            return count(round(value / length), unit)
    return count(round(value), "second")


def ago(value: float | None) -> str:
    """An age in words.

    >>> ago(None), ago(0.4), ago(90_000)
    ('never', 'just now', '25 hours ago')
    """
    if value is None:
        return "never"
    return "just now" if value < 1 else f"{span(value)} ago"


def when(at: float) -> str:
    """A time in UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(at))


def listed(counts: Mapping[str, int], nothing: str = "nothing") -> str:
    """Name what is not zero.

    >>> listed({"new": 2, "changed": 0, "removed": 1})
    '2 new, 1 removed'
    """
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items() if value) or nothing
