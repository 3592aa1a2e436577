"""Words of a text as searches and answers compare them, in any language; which ones carry meaning, in English."""

from __future__ import annotations

import re
import unicodedata

_SMALL = """a about an and any are as at be been but by can did do does for from had has have how i if in is it its may
me my not of on or our shall should so than that the their them then there these they this to us was we were what when
where which who whom whose why will with would you your"""
SMALL_WORDS = frozenset(_SMALL.split())
STEM_CHARS = 5
"""Words are compared by their first letters, which does for many languages what a stemmer does for one (McNamee and
Mayfield, "Character n-gram tokenization for European language text retrieval", 2004)."""
LONGEST_WITHOUT_ENDING = 3
"""Of longer words a last s is taken off (Harman, "How effective is suffixing?", 1991)."""
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""Scripts that write without spaces are compared character by character."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Categories of Unicode: control, format, half a character, spaces, and marks, which stand on another character."""
_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs by their category, and blank by their shape."""


def is_blank(text: str) -> bool:
    """Whether there is nothing in a text that anybody sees: spaces, control characters and the like alone.

    >>> is_blank(""), is_blank("\\u200b\\0 \\ufeff"), is_blank("?")
    (True, True, False)
    """
    return all(character in _FILLERS or unicodedata.category(character) in _UNSEEN for character in text)


def words(text: str) -> list[str]:
    """The words of a text in their order, without case.

    >>> words("The Alarms, 警報")
    ['the', 'alarms', '警', '報']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def stems(text: str) -> list[str]:
    """The same, each cut to what is compared of it.

    >>> stems("The alarms cost")
    ['the', 'alarm', 'cost']
    """
    return [_stem(word) for word in words(text)]


def sought_stems(question: str) -> list[str]:
    """The distinct words of a question that carry meaning, as ``stems``; all of them where none does.

    >>> sought_stems("What should weeks of river watch cost?")
    ['week', 'river', 'watch', 'cost']
    """
    every = words(question)
    return list(dict.fromkeys(map(_stem, [word for word in every if word not in SMALL_WORDS] or every)))


def _stem(word: str) -> str:
    return (word[:-1] if len(word) > LONGEST_WITHOUT_ENDING and word.endswith("s") else word)[:STEM_CHARS]
