"""Where a quote stands in a text: as it is written, or else but for case, space and typography.

What is found is always given as offsets into the text as it is, so that a citation shows the source's own letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_FOLDED = {
    **dict.fromkeys("‘’‚‛′`´", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
}


class Span(NamedTuple):
    start: int
    end: int


class Folded:
    """A text without case, space and typography, and for each character left the offset that it came from.

    >>> Folded("“A  Weir”").letters
    '"aweir"'
    """

    def __init__(self, text: str) -> None:
        letters: list[str] = []
        self.offsets: list[int] = []
        for offset, character in enumerate(text):
            plain = _FOLDED.get(character)
            if plain is None:
                plain = "" if character.isspace() else unicodedata.normalize("NFKD", character).casefold()
            letters.append(plain)
            self.offsets.extend([offset] * len(plain))
        self.letters = "".join(letters)


def locate(quote: str, text: str) -> Span | None:
    """The first place in ``text`` that holds the whole ``quote`` and cuts no word; ``None`` where there is none.

    Signs around a quote (its own quotation marks, a full stop that the source does not have) may be missing.

    >>> text = "Pay\\n\\nA week of “river watch” is paid £240."
    >>> locate('a week of "River watch"', text)
    Span(start=5, end=28)
    >>> locate("week of rivers", text) is None
    True
    """
    quote = quote.strip()
    if not any(character.isalnum() for character in quote):
        return None
    exact = _places(quote, text)
    if found := next((span for span in exact if _whole_words(text, span)), None):
        return found
    needle, hay = Folded(quote).letters, Folded(text)
    for sought in dict.fromkeys((needle, _without_signs_around(needle))):
        for at, end in _places(sought, hay.letters) if sought else ():
            span = Span(hay.offsets[at], hay.offsets[end - 1] + 1)
            if _whole_words(text, span) and Folded(text[span.start : span.end]).letters == sought:
                return span
    return None


def _places(needle: str, text: str) -> Iterator[Span]:
    at = text.find(needle)
    while at >= 0:
        yield Span(at, at + len(needle))
        at = text.find(needle, at + 1)


def _whole_words(text: str, span: Span) -> bool:
    cut_before = span.start > 0 and _letter(text[span.start - 1]) and _letter(text[span.start])
    cut_after = span.end < len(text) and _letter(text[span.end - 1]) and _letter(text[span.end])
    return not (cut_before or cut_after)


def _letter(character: str) -> bool:
    """Of a script that puts space between its words."""
    return character.isalnum() and not "\u3040" <= character <= "\u9fff"


def _without_signs_around(folded: str) -> str:
    kept = [at for at, character in enumerate(folded) if character.isalnum()]
    return folded[kept[0] : kept[-1] + 1] if kept else ""
