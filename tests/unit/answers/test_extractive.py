"""Answers without a model: which sentences are said, and that they are the source's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from penstock.answers.base import Draft
from penstock.answers.extractive import Extractive, sentences_of, shared_words
from penstock.embedding.hashing import HashingEmbedder
from penstock.retrieval import Passage
from penstock.settings import EmbedderSettings

PAY = "Pay\n\nA week of river watch is paid £240. Nobody is paid twice.\n\nGrade | Pay\nOne | £90\nTwo | £95"
EELS = "Eels swim past the weir.  A week of\nriver watch is paid £240."


def passage(text: str, title: str = "River watch", headings: tuple[str, ...] = ("Pay",)) -> Passage:
    return Passage("d", "docs", "a.md", title, headings, None, "r", 0, len(text), text, ("c",))


def said(question: str, passages: Sequence[Passage], most: int = 3) -> list[Draft]:
    return list(Extractive(HashingEmbedder(EmbedderSettings(backend="hashing")), most).claims(question, passages))


def test_sentences_and_rows_are_each_said_once_and_headings_never() -> None:
    found = sentences_of([passage(PAY), passage(EELS)])
    assert [(one.passage, one.text) for one in found] == [
        (1, "A week of river watch is paid £240."),
        (1, "Nobody is paid twice."),
        (1, "Grade | Pay"),
        (1, "One | £90"),
        (1, "Two | £95"),
        (2, "Eels swim past the weir."),
    ]
    assert all(PAY[one.start :].startswith(one.text) for one in found if one.passage == 1)


def test_the_nearest_sentence_is_said_and_quoted_from_its_passage() -> None:
    first, *_ = said("What is a week of river watch paid?", [passage(EELS), passage(PAY)])
    assert first.text == "A week of river watch is paid £240."
    assert [(quote.passage, quote.text) for quote in first.quotes] == [(1, "A week of\nriver watch is paid £240.")]


@pytest.mark.parametrize("most", [1, 2])
def test_no_more_is_said_than_asked_for(most: int) -> None:
    assert len(said("paid", [passage("One is paid. Two are paid. Three are paid.")], most)) == most


@pytest.mark.parametrize("text", ["", "Pay", "...", "River watch", "Who pays? (River watch)"])
def test_where_there_is_no_sentence_nothing_is_said(text: str) -> None:
    assert said("What is paid?", [passage(text, title="Who pays? (River watch)")]) == []
    assert said("What is paid?", []) == []


def test_a_rarer_word_weighs_more() -> None:
    shares = shared_words("the alarm of the mill", ["mill one", "mill two", "alarm three"])
    assert shares[2] > shares[0] == shares[1] > 0
    assert shared_words("?", ["a"]) == [0.0]


def test_what_the_embedder_does_not_read_is_cut_off_before_it_is_asked(tmp_path: Path) -> None:
    embedder = HashingEmbedder(EmbedderSettings(backend="hashing"))
    asked: list[str] = []

    class Narrow:
        max_tokens = 4
        tokenizer = embedder.tokenizer
        embed_query = staticmethod(embedder.embed_query)

        @staticmethod
        def embed_documents(texts: list[str]) -> object:
            asked.extend(texts)
            return embedder.embed_documents(texts)

    list(Extractive(Narrow(), 3).claims("what", [passage("one two three four five six", title="T")]))  # type: ignore[arg-type]
    assert asked == ["T\none two three"]
