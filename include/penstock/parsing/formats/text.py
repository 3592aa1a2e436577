"""Plain text: paragraphs, list items, and headings guessed by unstructured's rules, held to what looks like one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from unstructured.cleaners.core import clean_bullets
from unstructured.documents.elements import ListItem, Title
from unstructured.partition.text import element_from_text

from penstock.parsing.assemble import LINE_ENDS, Draft, Piece
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES
from penstock.settings import ParserSettings

PARAGRAPHS = re.compile(r"\n[^\S\n]*\n\s*?(?=\S|[^\S\n]+\S)")
ITEM = re.compile(r"(?m)^(?=[ \t]*(?:[-*+•‣◦▪●·]|\d{1,3}[.)])[ \t]+\S)")
NO_TITLE_END = (".", ",", ";", ":", "!", "?", "…", "。", "-")
MAX_CLASSIFIED_CHARS = 1000
MAX_TITLE_CHARS = 120
MAX_PARAGRAPH_CHARS = 100_000


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    return Draft(pieces_of_text(decode(data)), MEDIA_TYPES[kind], "unstructured.text")


def pieces_of_text(text: str) -> Iterator[Piece]:
    for paragraph in PARAGRAPHS.split(LINE_ENDS.sub("\n", text)):
        items = [part for part in ITEM.split(paragraph) if part.strip()]
        for part in items:
            yield from _pieces(part)


def _pieces(block: str) -> Iterator[Piece]:
    if len(block) > MAX_PARAGRAPH_CHARS:
        yield from (Piece("text", part) for part in _slices(block))
        return
    if len(block) > MAX_CLASSIFIED_CHARS:
        yield Piece("text", block)
        return
    text = block.strip()
    element = element_from_text(text)
    if isinstance(element, Title) and looks_like_title(text):
        yield Piece("title", text, 1)
    elif isinstance(element, ListItem) or ITEM.match(block):
        yield Piece("list-item", clean_bullets(re.sub(r"^[-*+]\s+", "", " ".join(text.split()))))
    else:
        yield Piece("text", text)


def looks_like_title(text: str) -> bool:
    """One short line that begins like a name and does not end like a sentence: the guess alone is too generous."""
    first = next((char for char in text if char.isalnum()), "")
    return (
        "\n" not in text
        and len(text) <= MAX_TITLE_CHARS
        and (first.isupper() or first.isdigit())
        and not text.endswith(NO_TITLE_END)
    )


def _slices(text: str) -> Iterator[str]:
    """A paragraph of megabytes is cut at spaces: nobody downstream should meet it whole."""
    at = 0
    while at < len(text):
        end = at + MAX_PARAGRAPH_CHARS
        cut = text.rfind(" ", at + 1, end) if end < len(text) else len(text)
        cut = cut if cut > at else min(end, len(text))
        yield text[at:cut]
        at = cut
