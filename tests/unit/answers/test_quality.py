"""Citations graded against golden answers, by figures worked out by hand."""

from __future__ import annotations

import pytest

from penstock.answers import Answer, Claim, Quote
from penstock.answers.quality import Quality, covered, grade, is_of, word_f1

SPAN = "A week of river watch is paid £240."


def quote(number: int, text: str, key: str = "river.md") -> Quote:
    return Quote(number, text, 0, "d", "docs", key, "River", (), None, "r", 0, len(text))


def answer(*quotes: Quote, claims: tuple[Claim, ...] = ()) -> Answer:
    return Answer("main", 1, "?", claims, quotes, (), "extractive", None, 0.9, 0.4, {}, None, ())


def test_the_golden_sentence_itself_is_all_right() -> None:
    claims = (Claim(SPAN, (1,), False),)
    assert grade(answer(quote(1, SPAN), claims=claims), ["river.md"], SPAN) == Quality(1.0, 1.0, 1.0, 1.0)


def test_right_and_wrong_quotes_are_counted() -> None:
    found = grade(
        answer(
            quote(1, "is paid £240"),
            quote(2, "Eels swim."),
            quote(3, SPAN, "copy.md"),
            claims=(Claim("a", (1,), False), Claim("b", (), True)),
        ),
        ["river.md"],
        SPAN,
    )
    assert found.precision == pytest.approx(1 / 3)  # the third is of no golden document
    assert found.recall == pytest.approx(3 / 8)
    assert found.span_f1 == pytest.approx(2 * 8 / (3 + 2 + 8 + 8))
    assert found.supported == 0.5


def test_a_refused_answer_cites_nothing() -> None:
    assert grade(answer(), ["river.md"], SPAN) == Quality(None, 0.0, 0.0, None)


@pytest.mark.parametrize(
    ("text", "right"),
    [("a WEEK of river-watch", True), ("£240", True), ("of the week", False), ("eels", False), ("", False)],
)
def test_a_quote_is_of_a_span_by_a_run_of_words(text: str, right: bool) -> None:
    assert is_of(text, SPAN) is right


def test_words_that_repeat_count_so_often_as_both_have_them() -> None:
    assert covered("to be or not to be", ["to be"]) == pytest.approx(2 / 6)
    assert word_f1("to to to", "to be") == pytest.approx(2 * 1 / 5)
    assert (covered("", ["a"]), word_f1("", "")) == (0.0, 0.0)
