"""From the pieces that a format yields to the elements of a ``Parsed``: clean text, heading paths, offsets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from penstock.records import ELEMENT_JOIN, Attachment, Element, Parsed

MAX_TITLE_CHARS = 300
MAX_DEPTH = 9

LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029]")
UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls
    "\u00ad\u200b\u2060\ufeff"  # soft hyphen, zero width space and joiner, byte order mark
    "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of text
    "\ufff9-\ufffb\ufffe\uffff]"
)
SURROGATES = re.compile("[\ud800-\udfff]")
BLANK_LINES = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True, slots=True)
class Piece:
    """What a format yields: like an ``Element``, before cleaning. ``depth`` is a title's level from 1, else 0."""

    kind: str
    text: str
    depth: int = 0
    page: int | None = None


def under(title: str, pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces below a title that stands above every heading of theirs; none where it is blank."""
    if not title.strip():
        return list(pieces)
    lower = (Piece(p.kind, p.text, p.depth + 1, p.page) if p.kind == "title" else p for p in pieces)
    return [Piece("title", title, 1), *lower]


@dataclass(slots=True)
class Draft:
    """A whole document as its format saw it."""

    pieces: Iterable[Piece]
    media_type: str
    parser: str
    title: str = ""
    attachments: Sequence[Attachment] = field(default_factory=tuple)


def assemble(draft: Draft, name: str) -> Parsed:
    """Return the document; its title is the one it declares, else its first title element, else its file name."""
    elements = _elements(draft.pieces)
    first = next((e.text for e in elements if e.kind == "title"), "")
    title = one_line(draft.title) or one_line(first) or one_line(PurePosixPath(name).stem) or name
    return Parsed(elements, title[:MAX_TITLE_CHARS], draft.media_type, draft.parser, tuple(draft.attachments))


def _elements(pieces: Iterable[Piece]) -> tuple[Element, ...]:
    elements: list[Element] = []
    path: list[tuple[int, str]] = []
    start = 0
    for piece in pieces:
        text = clean_block(piece.text) if piece.kind in ("code", "table") else clean_text(piece.text)
        if not text:
            continue
        depth = 0
        if piece.kind == "title":
            depth = min(max(piece.depth, 1), MAX_DEPTH)
            while path and path[-1][0] >= depth:
                path.pop()
        elements.append(Element(piece.kind, text, tuple(t for _, t in path), piece.page, start, depth))
        if piece.kind == "title":
            path.append((depth, one_line(text)[:MAX_TITLE_CHARS]))
        start += len(text) + len(ELEMENT_JOIN)
    return tuple(elements)


def clean_chars(text: str) -> str:
    """NFC, line ends as ``\\n``, no control or invisible direction characters, no lone surrogates."""
    if text.isascii() and text.isprintable():
        return text
    text = UNWANTED.sub("", SURROGATES.sub("\ufffd", LINE_ENDS.sub("\n", text)))
    return unicodedata.normalize("NFC", text)


def clean_text(text: str) -> str:
    """Prose: trimmed, and no blank line inside, which would look like the end of an element."""
    return BLANK_LINES.sub("\n", clean_chars(text).strip())


def clean_block(text: str) -> str:
    """Code and tables: line breaks and indentation stay as they are, blank lines at both ends go."""
    return clean_chars(text).rstrip().lstrip("\n")


def one_line(text: str) -> str:
    return " ".join(clean_chars(text).split())


def table_text(rows: Iterable[Sequence[str]]) -> str:
    """One row a line, cells joined by " | ". A bar inside a cell is escaped, a line break becomes a space.

    >>> table_text([["a", "b"], ["1", "x|y"]])
    'a | b\\n1 | x\\\\|y'
    """
    lines = (" | ".join(one_line(cell).replace("|", "\\|") for cell in row).strip() for row in rows)
    return "\n".join(line for line in lines if line.strip("| "))
