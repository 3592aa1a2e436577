"""How good an answer's citations are beside a golden answer: pure functions of one question, no language model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from statistics import mean

from penstock.answers.results import Answer
from penstock.words import words

SHARED = 0.5
"""A quote is of the golden span where their longest common run of words is this share of the shorter of the two."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Each from 0 to 1. Of a refused answer ``precision`` is None: it cites nothing.

    ``precision``: the share of the quotes that are of a golden document and of the golden span. ``recall``: the share
    of the span's words that those quotes hold. ``span_f1``: words of all quotes against the span's, as of SQuAD
    (Rajpurkar et al., 2016). ``supported``: the share of the claims that have a quote; None where there are no claims.
    """

    precision: float | None
    recall: float
    span_f1: float
    supported: float | None


def grade(answer: Answer, keys: Collection[str], span: str) -> Quality:
    """Compare with a golden question: ``span`` is a sentence that answers it, ``keys`` the documents that hold it."""
    right = [one.text for one in answer.quotes if one.key in keys and is_of(one.text, span)]
    return Quality(
        precision=len(right) / len(answer.quotes) if answer.quotes else None,
        recall=covered(span, right),
        span_f1=word_f1(" ".join(one.text for one in answer.quotes), span),
        supported=mean(not claim.unsupported for claim in answer.claims) if answer.claims else None,
    )


def is_of(quote: str, span: str) -> bool:
    """Whether two texts share a run of words that is a good part of the shorter one.

    >>> is_of("is paid £240", "A week of river watch is paid £240.")
    True
    >>> is_of("A month is long", "A week of river watch is paid £240.")
    False
    """
    ours, theirs = words(quote), words(span)
    run = SequenceMatcher(None, ours, theirs, autojunk=False).find_longest_match().size
    return run > 0 and run >= SHARED * min(len(ours), len(theirs))


def covered(span: str, quotes: Sequence[str]) -> float:
    """The share of the span's words that stand in the quotes, counting repeats."""
    sought, held = Counter(words(span)), Counter(word for quote in quotes for word in words(quote))
    return (sought & held).total() / sought.total() if sought else 0.0


def word_f1(text: str, span: str) -> float:
    """The harmonic mean of precision and recall of words, counting repeats.

    >>> word_f1("£240 paid", "paid £240")
    1.0
    """
    ours, theirs = Counter(words(text)), Counter(words(span))
    common = (ours & theirs).total()
    return 2 * common / (ours.total() + theirs.total()) if common else 0.0
