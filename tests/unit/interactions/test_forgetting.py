"""What counts as a quotation of a document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.interactions.forgetting import QUOTE_CHARS, quoting

WORDS = st.lists(st.text("abcdeäß", min_size=1, max_size=9), min_size=30, max_size=80).map(" ".join)


@given(WORDS, st.integers(0, 60), st.integers(0, 20), st.text(" xyz", max_size=20), st.text(" xyz", max_size=20))
def test_a_quotation_is_found_wherever_it_begins_and_whatever_is_around_it(
    text: str, start: int, more: int, before: str, after: str
) -> None:
    start = min(start, len(text) - QUOTE_CHARS)
    quoted = text[start : start + QUOTE_CHARS + more].strip()
    if len(quoted) < QUOTE_CHARS:
        return
    spoken = f"{before}{quoted.upper().replace('SS', 'ß').replace(' ', chr(10) + ' ')}{after}"
    assert quoting(["another text altogether, of some length, to have more than one", text])(spoken)


@given(WORDS)
def test_a_readers_own_words_are_not_a_quotation(text: str) -> None:
    quotes = quoting([text])
    assert not quotes("who may go to the weir before the first of June, and with whom?")
    assert not quotes(text[:12])
    assert not quotes("")
