"""The smallest pieces that chunks are put together from: elements, or their sentences, lines, rows, words.

An element that fits the budget stays whole. One that does not is split at the coarsest seam that its kind
offers, and any piece that is still too large at the next finer one, down to the tokenizer's own tokens.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from penstock.embedding.base import Tokenizer
from penstock.records import Element

Span = tuple[int, int]

LONGEST_TOKEN = 32
"""A token of more characters is a run that the tokenizer does not know, and counts once per so many."""


CELL = " | "
"""Stands between the cells of a table's row (``parsing.assemble.table_text``)."""
LONGEST_SENTENCE = 1000
"""In characters: what is longer is code, or a list without full stops."""


class Seam(IntEnum):
    """What lies in front of a unit; the higher, the worse a place to cut."""

    ELEMENT = 0
    BLOCK = 1
    LINE = 2
    SENTENCE = 3
    WORD = 4
    TOKEN = 5


class Unit(NamedTuple):
    """A span of the document's text that no chunk divides.

    ``header`` is the span of a table's first row, for the rows that need it repeated in front of them.
    """

    start: int
    end: int
    tokens: int
    kind: str
    seam: Seam
    header: Span | None = None
    header_tokens: int = 0


class TokenCount:
    """Counts the tokens of any span of a document, after one pass of the tokenizer over it.

    A token belongs to the span that holds its last character: some tokenizers put the space before a word into it.
    """

    def __init__(self, elements: Sequence[Element], tokenizer: Tokenizer) -> None:
        self._ends: list[int] = []
        for element, tokens in zip(elements, tokenizer.spans([e.text for e in elements]), strict=True):
            at = element.start
            for start, end in tokens:
                if end - start > LONGEST_TOKEN:
                    self._ends.extend(range(at + start + LONGEST_TOKEN, at + end, LONGEST_TOKEN))
                self._ends.append(at + end)

    def __call__(self, start: int, end: int) -> int:
        return bisect_right(self._ends, end) - bisect_right(self._ends, start)

    def places(self, start: int, end: int) -> list[int]:
        """Where tokens end strictly inside a span."""
        return self._ends[bisect_right(self._ends, start) : bisect_left(self._ends, end)]


def units_of(text: str, element: Element, count: TokenCount, limit: int, room: int) -> list[Unit]:
    """Split ``element`` into units of at most ``limit`` tokens, the first of at most ``room``."""
    header = _header(text, element, count, limit) if element.kind == "table" else None
    if header and count(element.start, element.end) > room:
        limit -= count(*header)
        room = min(room, limit)
    whole = trimmed(text, element.start, element.end)
    if whole is None:
        return []
    units: list[Unit] = []
    for span, inner in _split(text, whole, _LADDERS.get(element.kind, _PROSE), count, limit, room):
        unit = Unit(*span, count(*span), element.kind, inner if units else Seam.ELEMENT)
        if header and span[0] >= header[1]:
            unit = unit._replace(header=header, header_tokens=count(*header))
        units.append(unit)
    return units


def trimmed(text: str, start: int, end: int) -> Span | None:
    """The span without the space around it, or nothing where it is all space."""
    body = text[start:end]
    if not body or body.isspace():
        return None
    return end - len(body.lstrip()), start + len(body.rstrip())


def _split(
    text: str, span: Span, ladder: Sequence[Seam], count: TokenCount, limit: int, room: int
) -> Iterator[tuple[Span, Seam]]:
    """Yield spans, each with the seam in front of it (the caller knows better for the first)."""
    if not ladder or count(*span) <= room:
        yield span, Seam.ELEMENT
        return
    seam, *finer = ladder
    for piece in _pieces(text, span, seam, count, limit):
        for nth, (inner, within) in enumerate(_split(text, piece, finer, count, limit, room)):
            yield inner, within if nth else seam
            room = limit


def _pieces(text: str, span: Span, seam: Seam, count: TokenCount, limit: int) -> Iterator[Span]:
    if seam is Seam.TOKEN:
        return _between(text, span, _runs(text, span, count.places(*span), count, limit))
    if seam is Seam.WORD:
        return _between(text, span, _runs(text, span, _matches(_SPACE, text, span), count, limit))
    return _cut(text, span, seam)


def _cut(text: str, span: Span, seam: Seam) -> Iterator[Span]:
    return _between(text, span, _AT[seam](text, span))


def _between(text: str, span: Span, ends: Iterable[int]) -> Iterator[Span]:
    start = span[0]
    for end in (*ends, span[1]):
        if piece := trimmed(text, start, end):
            yield piece
        start = end


def sentences(text: str) -> list[Span]:
    """Where the sentences of a parsed text stand; of a table its rows, of what is too long for a sentence its lines."""
    found: list[Span] = []
    for block in _cut(text, (0, len(text)), Seam.BLOCK):
        for span in _cut(text, block, Seam.LINE if CELL in text[slice(*block)] else Seam.SENTENCE):
            found += _cut(text, span, Seam.LINE) if span[1] - span[0] > LONGEST_SENTENCE else [span]
    return found


def _runs(text: str, span: Span, ends: Iterable[int], count: TokenCount, limit: int) -> Iterator[int]:
    """Group words, or tokens, into runs that end where their own last letters say so.

    The number of places to choose a cut from stays small, and they do not move when text before them does.
    """
    start = last = span[0]
    for end in ends:
        if last > start and count(start, end) > max(limit // 4, 1):
            yield last
            start = last
        last = end
        if (
            count(start, end) > limit // 32
            and crc32(text[max(end - 12, span[0]) : end].encode("utf-8", "surrogatepass")) % 8 == 0
        ):
            yield end
            start = end


_SPACE = re.compile(r"\s+")
_LINE = re.compile(r"\n\s*")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE = re.compile(r"""(?<![.!?…])[.!?…]++["'”’»)\]]*+\s+|[。！？．｡]+["'”’»」』）\]]*\s*|\n[^\S\n]*\n\s*""")
_ABBREVIATION = re.compile(
    r"(?:\b(?:\w|Mr|Mrs|Ms|Dr|Prof|St|No|Nr|Vol|Fig|Eq|Sec|vs|cf|al|ca|approx|bzw|incl|resp|etc)|\b\w\.\w+)$"
)


def _matches(pattern: re.Pattern[str], text: str, span: Span) -> Iterator[int]:
    return (match.end() for match in pattern.finditer(text, *span))


def _sentence_ends(text: str, span: Span) -> Iterator[int]:
    """Where sentences end, in any script: after closing punctuation, unless it closes an abbreviation."""
    for match in _SENTENCE.finditer(text, *span):
        if match.group().startswith(".") and match.end() < span[1]:
            before = text[max(match.start() - 12, span[0]) : match.start()]
            short = len(before) - len(before.rstrip("abcdefghijklmnopqrstuvwxyz")) < 4 if before else True
            if _ABBREVIATION.search(before) or (short and text[match.end()].islower() and not before[-1:].isspace()):
                continue
        yield match.end()


_AT: dict[Seam, Callable[[str, Span], Iterator[int]]] = {
    Seam.BLOCK: lambda text, span: _matches(_BLANK_LINE, text, span),
    Seam.LINE: lambda text, span: _matches(_LINE, text, span),
    Seam.SENTENCE: _sentence_ends,
}
_PROSE = (Seam.BLOCK, Seam.SENTENCE, Seam.LINE, Seam.WORD, Seam.TOKEN)
_LINES = (Seam.BLOCK, Seam.LINE, Seam.SENTENCE, Seam.WORD, Seam.TOKEN)
_LADDERS = {"code": _LINES, "list-item": _LINES, "table": (Seam.LINE, Seam.WORD, Seam.TOKEN)}


def _header(text: str, element: Element, count: TokenCount, limit: int) -> Span | None:
    """The table's first row; nothing where it would take more than a third of the budget, or stands alone."""
    first, _, rest = element.text.partition("\n")
    span = trimmed(text, element.start, element.start + len(first))
    if span is None or not rest.strip() or count(*span) > limit // 3:
        return None
    return span
