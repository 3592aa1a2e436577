"""Quotes are taken for true when they were found in what is stored, letter by letter; all others are left out.

So are those that bear no claim, see ``bearing``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from penstock.answers import bearing
from penstock.answers.base import BESIDE, Draft, DraftQuote
from penstock.answers.locating import Folded, Span, locate
from penstock.answers.results import Claim, Quote
from penstock.records import Parsed
from penstock.retrieval import Passage
from penstock.retrieval.places import Served

NO_SUCH_PASSAGE, NOT_IN_PASSAGE, NOT_IN_SOURCE = "no such passage", "not in the passage", "not in the source"
ELLIPSES = ("[…]", "[...]", "…", "...")
MARK = re.compile(r"\s*([\[［【]{1,2}\s*\^?\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\s*[\]］】]{1,2})")
"""Such as [1], [2, 3] or [4-6], and as some models write them: [ 1 ], [[1]], [^1], 【1】."""
WORDS_TO_LOOK_ELSEWHERE = 4
"""A quote of so many words whose passage is misnumbered is looked for in the others; fewer stand anywhere by chance."""

Stored = Mapping[str, Served]
"""By document id."""


class Citer:
    """Checks the claims of one answer in turn.

    ``quotes`` are those that hold, ``dropped`` counts the others, and sentences that are part of no claim.
    """

    def __init__(self, passages: Sequence[Passage], stored: Stored) -> None:
        self._passages, self._stored = passages, stored
        self._texts = [Folded(one.text) for one in passages]
        self._numbers: dict[tuple[str, int, int], Quote] = {}
        self.dropped: Counter[str] = Counter()

    @property
    def quotes(self) -> tuple[Quote, ...]:
        return tuple(self._numbers.values())

    def leave_out_sentence(self) -> None:
        """Count one that is part of no claim."""
        self.dropped[BESIDE] += 1

    def check(self, draft: Draft) -> Claim:
        text = _without_marks(draft)
        held = [number for quote in draft.quotes for number in self._check(text, quote)]
        return Claim(text, tuple(dict.fromkeys(held)), unsupported=not held)

    def _check(self, claim: str, quote: DraftQuote) -> Iterator[int]:
        if not 1 <= quote.passage <= len(self._passages):
            self.dropped[NO_SUCH_PASSAGE] += 1
            return
        found = self._find(quote)
        if not found:
            self.dropped[NOT_IN_PASSAGE] += 1
        for place, span in found:
            passage = self._passages[place]
            if fault := bearing.fault(claim, passage.text[span.start : span.end], passage):
                self.dropped[fault] += 1
            elif number := self._number(place, span):
                yield number
            else:
                self.dropped[NOT_IN_SOURCE] += 1

    def _find(self, quote: DraftQuote) -> list[tuple[int, Span]]:
        """The passage, by its place from 0, and the spans in it that the quote is made of."""
        places = [quote.passage - 1]
        if len(quote.text.split()) >= WORDS_TO_LOOK_ELSEWHERE:
            places += [place for place in range(len(self._passages)) if place != places[0]]
        for place in places:
            if spans := _spans(quote.text, self._texts[place]):
                return [(place, span) for span in spans]
        return []

    def _number(self, place: int, span: Span) -> int | None:
        """The quote's number in the answer; ``None`` where the stored revision does not read so."""
        passage = self._passages[place]
        start, end = passage.start + span.start, passage.start + span.end
        stored, text = self._stored.get(passage.document_id), passage.text[span.start : span.end]
        if stored is None or stored.revision != passage.revision or stored.text[start:end] != text:
            return None
        known = self._numbers.get((passage.document_id, start, end))
        if known is None:
            known = _quote(len(self._numbers) + 1, text, place, passage, _page(stored.parsed, start), start)
            self._numbers[passage.document_id, start, end] = known
        return known.number


def _without_marks(draft: Draft) -> str:
    """The claim without marks that the model wrote itself: readers would take them for ours, which were checked.

    One that stands in a quote is the document's own, and a claim of nothing else stays as it is.
    """
    text = MARK.sub(lambda found: found[0] if any(found[1] in one.text for one in draft.quotes) else "", draft.text)
    return text.strip() or draft.text


def _quote(number: int, text: str, place: int, passage: Passage, page: int | None, start: int) -> Quote:
    return Quote(
        number=number,
        text=text,
        passage=place,
        document_id=passage.document_id,
        source=passage.source,
        key=passage.key,
        title=passage.title,
        headings=passage.headings,
        page=page,
        revision=passage.revision,
        start=start,
        end=start + len(text),
    )


def _spans(quote: str, text: Folded) -> list[Span]:
    """Where the quote stands; of one with words left out (…) where each part does; none where any part does not."""
    if whole := locate(quote, text):
        return [whole]
    parts = [quote]
    for sign in ELLIPSES:
        parts = list(chain.from_iterable(part.split(sign) for part in parts))
    parts = [part for part in parts if any(character.isalnum() for character in part)]
    found = [locate(part, text) for part in parts] if len(parts) > 1 else []
    return [span for span in found if span] if found and all(found) else []


def _page(parsed: Parsed, start: int) -> int | None:
    """The page of the element that holds an offset."""
    at = bisect_right(parsed.elements, start, key=lambda element: element.start)
    return parsed.elements[at - 1].page if at else None
