"""Where a quote stands in a text: as it is written, or else but for case, space and typography.

What is found is always given as offsets into the text as it is, so that a citation shows the source's own letters.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cached_property
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

    Folding waits until it is needed, and is done once however many quotes are looked for in the text.

    >>> Folded("“A  Weir”").letters
    '"aweir"'
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def letters(self) -> str:
        return self._folded[0]

    @property
    def offsets(self) -> list[int]:
        return self._folded[1]

    @cached_property
    def _folded(self) -> tuple[str, list[int]]:
        letters: list[str] = []
        offsets: list[int] = []
        for offset, character in enumerate(self.text):
            plain = _FOLDED.get(character)
            if plain is None:
                plain = "" if character.isspace() else unicodedata.normalize("NFKD", character).casefold()
            letters.append(plain)
            offsets.extend([offset] * len(plain))
        return "".join(letters), offsets


def locate(quote: str, source: str | Folded) -> Span | None:
    """The first place in a text that holds the whole ``quote`` and cuts no word; ``None`` where there is none.

    Signs around a quote (its own quotation marks, a full stop that the source does not have) may be missing.

    >>> text = "Pay\\n\\nA week of “river watch” is paid £240."
    >>> locate('a week of "River watch"', text)
    Span(start=5, end=28)
    >>> locate("week of rivers", text) is None
    True
    """
    hay = source if isinstance(source, Folded) else Folded(source)
    quote, text = quote.strip(), hay.text
    if not any(character.isalnum() for character in quote):
        return None
    exact = _places(quote, text)
    if found := next((span for span in exact if _whole_words(text, span)), None):
        return found
    needle = Folded(quote).letters
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
