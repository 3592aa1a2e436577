from __future__ import annotations

import pytest

from penstock.embedding import Embedder


@pytest.mark.parametrize(
    "text",
    ["", "A penstock leads water.", "naïve Ωmega 水力発電 👷🏽", "bad \ud800 surrogate", "x" * 300, "word " * 900],
)
def test_spans_cover_the_words_and_nothing_else(default: Embedder, text: str) -> None:
    (spans,) = default.tokenizer.spans([text])
    assert all(0 <= start < end <= len(text) for start, end in spans)  # special tokens would be (0, 0)
    assert spans == sorted(spans)
    covered = {i for start, end in spans for i in range(start, end)}
    assert {i for i, c in enumerate(text) if c.isalnum()} <= covered
    assert not {i for i, c in enumerate(text) if c.isspace()} & covered


def test_spans_are_those_of_each_text(default: Embedder) -> None:
    texts = [f"gate {i} " * (i % 5) for i in range(1100)]  # more than one slice
    spans = default.tokenizer.spans(texts)
    assert spans == [default.tokenizer.spans([text])[0] for text in texts]
    assert default.tokenizer.spans([]) == []
