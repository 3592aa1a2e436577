"""Quotes found in texts: exact places, whatever case, space and typography did to them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.answers.locating import Folded, Span, locate

TEXT = "Pay\n\nA week of “river watch” is paid £240 — since 1 May 2026.\nEx-\u00adtra shifts: Straße 7, Café Weir."


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("is paid £240", "is paid £240"),
        ("  is paid £240\n", "is paid £240"),
        (
            'a week of "River Watch" is paid £240 - since 1 May 2026',
            "A week of “river watch” is paid £240 — since 1 May 2026",
        ),
        ('"A week of river', None),
        ('"is paid £240."', "is paid £240"),
        ("extra shifts", None),
        ("ex-tra  shifts:", "Ex-\u00adtra shifts:"),
        ("STRASSE 7", "Straße 7"),
        ("cafe\u0301 weir", "Café Weir"),
        ("Pay A week", "Pay\n\nA week"),
        ("eek of", None),
        ("paid £24", None),
        ("£250", None),
        ("…", None),
        ("", None),
    ],
)
def test_a_quote_is_found_in_the_letters_of_the_source(quote: str, found: str | None) -> None:
    span = locate(quote, TEXT)
    assert (TEXT[span.start : span.end] if span else None) == found


def test_a_whole_word_further_on_is_found_past_a_part_of_one() -> None:
    assert locate("mill", "millers mill") == Span(8, 12)


def test_scripts_without_spaces_are_quoted_from_the_middle() -> None:
    text = "警報は十五分以内に確認する。"
    assert locate("十五分以内", text) == Span(3, 8)


@given(st.text(min_size=1), st.text(), st.text())
def test_what_is_there_is_found_as_it_stands_there(quote: str, before: str, after: str) -> None:
    text = f"{before} {quote} {after}"
    span = locate(quote, text)
    if any(character.isalnum() for character in quote):
        assert span is not None
        assert text[span.start : span.end] == quote.strip()
    else:
        assert span is None


@given(st.text(alphabet="aAßéİǆﬁ .,“”\"'—-\u00ad\u0301\n", max_size=40), st.data())
def test_what_is_found_reads_as_the_quote_does(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    piece = text[start : data.draw(st.integers(start, len(text)))]
    changed = data.draw(st.sampled_from([piece, piece.swapcase(), piece.replace(" ", "\n "), piece.replace("“", '"')]))
    if span := locate(changed, text):
        assert 0 <= span.start < span.end <= len(text)
        found = Folded(text[span.start : span.end]).letters
        assert found
        assert found in Folded(changed).letters


def test_folding_keeps_an_offset_for_each_letter() -> None:
    folded = Folded("ﬁn ß")
    assert (folded.letters, folded.offsets) == ("finss", [0, 0, 1, 3, 3])


def test_a_text_is_folded_once_for_all_its_quotes() -> None:
    text = Folded(TEXT)
    assert locate("is paid £240", text) == locate("is paid £240", TEXT)
    assert locate("IS PAID £240", text) == locate("IS PAID £240", TEXT)
    letters = text.letters
    locate("cafe weir", text)
    assert text.letters is letters
