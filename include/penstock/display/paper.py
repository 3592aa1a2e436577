"""Lines, aligned columns and paragraphs on stdout. Everything else in this package uses these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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


def shortened(text: str, width: int) -> str:
    r"""A text on one line of at most ``width`` characters.

    >>> shortened("the  old mill", 9)
    'the old …'
    """
    flat = " ".join(text.split())
    return flat if len(flat) <= width else flat[: width - 1] + "…"


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
