"""Answers without a model of their own: the sentences of the passages that come nearest to the question, quoted.

Near is what the release's embedder finds alike, and what shares the question's rarer words.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from penstock.answers.base import Draft, DraftQuote
from penstock.chunking import sentences
from penstock.embedding.base import Embedder
from penstock.retrieval import Passage
from penstock.words import sought_stems, stems

# Chosen on 90 of CLAPNQ's answerable questions, of the half that the confidence is fitted on (F1 of words against the
# sentences that people selected). Without the title beside each sentence it was 0.07 lower.
SHARED_WORDS = 0.2
"""What shared words weigh; the vectors weigh the rest of 1."""
RANK = 0.05
"""What each place that a passage stands further down takes away."""
NEAR_ENOUGH = 0.8
"""Of the best sentence's score, what another needs to be said with it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """``passage`` is the passage's number, from 1, ``start`` an offset into its text; ``title`` is its document's."""

    passage: int
    start: int
    text: str
    title: str


class Extractive:
    """See ``Generator``. A sentence is a claim of its own, with itself as the quote."""

    def __init__(self, embedder: Embedder, max_sentences: int) -> None:
        self._embedder, self._max_sentences = embedder, max_sentences

    def claims(self, question: str, passages: Sequence[Passage]) -> Iterator[Draft]:
        found = sentences_of(passages)
        if not found:
            return
        scores = self.scores(question, found)
        best = max(scores)
        order = sorted(range(len(found)), key=lambda at: (-scores[at], at))
        chosen = [at for at in order[: self._max_sentences] if scores[at] >= NEAR_ENOUGH * best]
        first = {found[at].passage: nth for nth, at in reversed(list(enumerate(chosen)))}
        for at in sorted(chosen, key=lambda at: (first[found[at].passage], found[at].start)):
            sentence = found[at]
            yield Draft(" ".join(sentence.text.split()), (DraftQuote(sentence.passage, sentence.text),))

    def scores(self, question: str, found: Sequence[Sentence]) -> list[float]:
        """How near each sentence is to the question; comparable within one call."""
        texts = self._fitting([f"{one.title}\n{one.text}" for one in found])
        alike = self._embedder.embed_documents(texts) @ self._embedder.embed_query(question)
        shared = shared_words(question, [one.text for one in found])
        mixed = (1 - SHARED_WORDS) * alike + SHARED_WORDS * np.asarray(shared)
        return [float(score) - RANK * (one.passage - 1) for score, one in zip(mixed, found, strict=True)]

    def _fitting(self, texts: list[str]) -> list[str]:
        """The texts, cut to what the embedder reads: an API may refuse more."""
        most = self._embedder.max_tokens
        spans = self._embedder.tokenizer.spans(texts)
        return [
            text[: span[most - 1][1]] if len(span) > most else text for text, span in zip(texts, spans, strict=True)
        ]


def sentences_of(passages: Sequence[Passage]) -> list[Sentence]:
    """Every sentence once; what stands in a heading is none."""
    found: dict[str, Sentence] = {}
    for number, passage in enumerate(passages, 1):
        headings = (passage.title, *passage.headings)
        for start, end in sentences(passage.text):
            text = passage.text[start:end]
            flat = " ".join(text.split())
            if not any(flat in heading for heading in headings) and any(character.isalnum() for character in flat):
                found.setdefault(flat, Sentence(number, start, text, passage.title))
    return list(found.values())


def shared_words(question: str, texts: Sequence[str]) -> list[float]:
    """For each text the share of the question's words that it holds, each weighed by how few of the texts hold it."""
    sought = sought_stems(question)
    held = [set(stems(text)) for text in texts]
    count = Counter(word for words in held for word in words.intersection(sought))
    weight = {word: math.log(1 + len(texts) / (count[word] or 1)) for word in sought}
    whole = sum(weight.values()) or 1.0
    return [sum(weight[word] for word in sought if word in words) / whole for words in held]
