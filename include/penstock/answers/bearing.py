"""Whether a quote that stands in its source can bear its claim at all, as far as words tell.

It tells what is no support, and never what is one: whether a claim follows from its quote takes a reader.
"""

from __future__ import annotations

import unicodedata

from penstock.chunking import sentences
from penstock.retrieval import Passage
from penstock.words import SMALL_WORDS, stems, words

TOO_LITTLE, NOTHING_SHARED = "says too little", "shares no word with its claim"
ENOUGH_WORDS = 3
"""So many words that carry meaning say something. Fewer do where they are half of the claim, or a sentence whole."""
_SAYING_NOTHING = """yes no not he him his she her hers you your one right true correct indeed"""
MEANING_NOTHING = SMALL_WORDS | frozenset(_SAYING_NOTHING.split())
"""What an answer may begin with, or be, and rest on a quote that says it in other words: "Yes, he does."."""
ENGLISH_SHARE, TELLING_WORDS = 0.2, 4
"""From this share of small words on, a text of so many words is taken for English, below it for another language."""


def fault(claim: str, quote: str, passage: Passage) -> str | None:
    """Why a quote of the passage does not bear the claim; None where nothing speaks against it.

    A claim whose words carry no meaning of their own ("So it is.") is held to nothing, and one in another language or
    script than its quote not to shared words.
    """
    said, quoted = _telling(claim), _telling(quote)
    if not said:
        return None
    shared = said & quoted
    if _heading(quote, passage) or (
        len(quoted) < ENOUGH_WORDS and 2 * len(shared) < len(said) and not _whole_sentence(quote, passage)
    ):
        return TOO_LITTLE
    return NOTHING_SHARED if not shared and not _in_other_languages(claim, quote) else None


def _telling(text: str) -> set[str]:
    """Stems of the words that carry meaning."""
    return set(stems(" ".join(word for word in words(text) if word not in MEANING_NOTHING)))


def _heading(quote: str, passage: Passage) -> bool:
    """Whether it names what the passage is about, and says nothing of it."""
    return words(quote) in [words(one) for one in (passage.title, *passage.headings)]


def _whole_sentence(quote: str, passage: Passage) -> bool:
    mine = words(quote)
    return any(words(passage.text[start:end]) == mine for start, end in sentences(passage.text))


def _in_other_languages(claim: str, quote: str) -> bool:
    if not _scripts(claim) & _scripts(quote):
        return any(map(_scripts, (claim, quote)))
    return {_english(one) for one in (claim, quote)} == {True, False}


def _english(text: str) -> bool | None:
    """None where the text is too short to tell."""
    every = words(text)
    if len(every) < TELLING_WORDS:
        return None
    return sum(word in SMALL_WORDS for word in every) >= ENGLISH_SHARE * len(every)


def _scripts(text: str) -> set[str]:
    return {unicodedata.name(letter, "").partition(" ")[0] for letter in text if letter.isalpha()}
