"""Which quotes of a draft hold: only what the stored revision reads, at its exact place."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.answers.base import Draft, DraftQuote
from penstock.answers.bearing import NOTHING_SHARED, TOO_LITTLE
from penstock.answers.citing import NO_SUCH_PASSAGE, NOT_IN_PASSAGE, NOT_IN_SOURCE, Citer
from penstock.records import Element, Parsed
from penstock.retrieval import Passage
from penstock.retrieval.places import Served

FIRST = "Whoever is on river watch acknowledges an alarm within 15 minutes."
SECOND = "A week of river watch is paid £240. A weekend alone is paid £90."
ELEMENTS = (Element("text", FIRST, page=1), Element("text", SECOND, page=2, start=len(FIRST) + 2))
SERVED = Served("r1", Parsed(ELEMENTS, "River watch", "text/markdown", "p"), f"{FIRST}\n\n{SECOND}")
OTHER = Served(
    "r9", Parsed((Element("text", "The canteen opens at eight."),), "Canteen", "t", "p"), "The canteen opens at eight."
)
STORED = {"d1": SERVED, "d2": OTHER}


def passage(document: str, served: Served, start: int = 0) -> Passage:
    title = served.parsed.title
    text = served.text[start:]
    end = len(served.text)
    return Passage(document, "docs", f"{document}.md", title, (), 1, served.revision, start, end, text, ("c",))


PASSAGES = [passage("d1", SERVED, 8), passage("d2", OTHER)]


def said(*quotes: tuple[int, str]) -> Draft:
    return Draft("It is so.", tuple(DraftQuote(number, text) for number, text in quotes))


def test_a_quote_that_stands_there_is_cited_with_its_page_and_span() -> None:
    citer = Citer(PASSAGES, STORED)
    claim = citer.check(said((1, "a week of river watch is paid £240")))
    (quote,) = citer.quotes
    assert (claim.quotes, claim.unsupported) == ((1,), False)
    assert quote.text == SERVED.text[quote.start : quote.end] == "A week of river watch is paid £240"
    assert (quote.key, quote.revision, quote.page, quote.passage) == ("d1.md", "r1", 2, 0)
    assert citer.dropped == {}


@pytest.mark.parametrize(
    ("written", "quote", "shown"),
    [
        ("It is paid £240 [1].", "is paid £240", "It is paid £240."),
        ("It is paid [2, 3] £240. [1]", "is paid £250", "It is paid £240."),
        ("The alarm [1–3] rings.", "rings", "The alarm rings."),
        ("The alarm 【1】 rings [ 2 ] twice [[3]] a day ［4］ [^5].", "rings", "The alarm rings twice a day."),
        ("The alarm [[rings]].", "rings", "The alarm [[rings]]."),
        ("See page [7] of it.", "see page [7]", "See page [7] of it."),
        ("An array[0] is meant.", "The array[0]", "An array[0] is meant."),
        ("[1]", "so", "[1]"),
        ("It was built in [1998].", "so", "It was built in [1998]."),
    ],
)
def test_marks_that_a_model_writes_itself_are_not_taken_for_citations(written: str, quote: str, shown: str) -> None:
    """Models write [1] behind what they make up, and [2] for the second passage where our second quote is another."""
    claim = Citer(PASSAGES, STORED).check(Draft(written, (DraftQuote(1, quote),)))
    assert claim.text == shown


@pytest.mark.parametrize(
    ("quote", "reason"),
    [
        ((1, "A week of river watch is paid £250"), NOT_IN_PASSAGE),
        ((1, ""), NOT_IN_PASSAGE),
        ((1, "at eight"), NOT_IN_PASSAGE),
        ((3, FIRST), NO_SUCH_PASSAGE),
        ((0, FIRST), NO_SUCH_PASSAGE),
        ((-1, FIRST), NO_SUCH_PASSAGE),
    ],
)
def test_a_quote_that_does_not_hold_is_dropped_and_its_claim_marked(quote: tuple[int, str], reason: str) -> None:
    citer = Citer(PASSAGES, STORED)
    claim = citer.check(said(quote))
    assert (claim.quotes, claim.unsupported) == ((), True)
    assert (citer.quotes, citer.dropped) == ((), {reason: 1})


@pytest.mark.parametrize(
    ("text", "quote", "reason"),
    [
        ("The mill is sold to Mallory", "river", TOO_LITTLE),
        ("The mill is sold to Mallory", "a", TOO_LITTLE),
        ("The river watch is sold to Mallory and her heirs", "Whoever is … watch", NOT_IN_PASSAGE),
        ("The alarm was sold to Mallory and her heirs", "an alarm … river", TOO_LITTLE),
        ("The mill is sold to Mallory", "A week of river watch is paid £240.", NOTHING_SHARED),
        ("A week of river watch is paid £240", "A week of river watch is paid £240.", None),
        ("It pays £240", "£240", None),
        ("Eine Woche Bereitschaft bringt zweihundertvierzig Pfund", "A week of river watch is paid £240.", None),
        ("一週間の当番は二百四十ポンドです", "A week of river watch is paid £240.", None),
        ("So it is.", "is paid £240", None),
        ("Yes, he does.", "is paid £240", None),
    ],
)
def test_a_quote_bears_a_claim_with_enough_words_of_which_one_is_the_claims(
    text: str, quote: str, reason: str | None
) -> None:
    citer = Citer(PASSAGES, STORED)
    assert citer.check(Draft(text, (DraftQuote(1, quote),))).unsupported == (reason is not None)
    assert set(citer.dropped) == ({reason} if reason else set())


def test_a_title_bears_no_claim() -> None:
    titled = dataclasses.replace(PASSAGES[1], title="The canteen opens at eight.")
    citer = Citer([titled], STORED)
    assert citer.check(Draft("The canteen opens to Mallory at eight", (DraftQuote(1, OTHER.text),))).unsupported
    assert citer.dropped == {TOO_LITTLE: 1}


def test_a_claim_keeps_the_quotes_that_hold() -> None:
    citer = Citer(PASSAGES, STORED)
    claim = citer.check(said((1, "within 15 minutes"), (1, "within 5 minutes")))
    assert (claim.quotes, claim.unsupported) == ((1,), False)
    assert citer.dropped == {NOT_IN_PASSAGE: 1}


def test_a_long_quote_with_the_wrong_number_is_cited_where_it_stands() -> None:
    citer = Citer(PASSAGES, STORED)
    citer.check(said((1, "the canteen opens at eight")))
    assert [quote.key for quote in citer.quotes] == ["d2.md"]


def test_words_left_out_are_left_out_of_what_is_cited() -> None:
    citer = Citer(PASSAGES, STORED)
    claim = citer.check(said((1, "A week of river watch … is paid £90")))
    assert [quote.text for quote in citer.quotes] == ["A week of river watch", "is paid £90"]
    assert claim.quotes == (1, 2)
    assert Citer(PASSAGES, STORED).check(said((1, "A week … never there"))).unsupported


def test_one_place_has_one_number() -> None:
    citer = Citer(PASSAGES, STORED)
    claims = [citer.check(said((1, "within 15 minutes"), (1, "is paid £90"))), citer.check(said((1, "IS PAID £90")))]
    assert [claim.quotes for claim in claims] == [(1, 2), (2,)]


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"d1": SERVED._replace(revision="r2")},
        {"d1": SERVED._replace(text=SERVED.text.replace("£240", "£180"))},
        {"d1": SERVED._replace(text="New first line.\n\n" + SERVED.text)},
    ],
    ids=["erased", "another revision", "another text", "moved"],
)
def test_what_the_store_does_not_hold_is_dropped_although_the_passage_shows_it(stored: dict[str, Served]) -> None:
    citer = Citer(PASSAGES, stored)
    assert citer.check(said((1, "is paid £240"))).unsupported
    assert citer.dropped == {NOT_IN_SOURCE: 1}


words = st.sampled_from(SERVED.text.split())


@given(st.lists(st.tuples(st.integers(-1, 4), st.lists(words, max_size=6).map(" ".join) | st.text(max_size=20))))
def test_whatever_a_generator_quotes_what_is_cited_reads_so(quotes: list[tuple[int, str]]) -> None:
    citer = Citer(PASSAGES, STORED)
    claim = citer.check(said(*quotes))
    for quote in citer.quotes:
        assert STORED[quote.document_id].text[quote.start : quote.end] == quote.text
        assert STORED[quote.document_id].revision == quote.revision
    assert set(claim.quotes) == {quote.number for quote in citer.quotes}
    assert claim.unsupported == (not citer.quotes)
    assert citer.dropped.total() <= len(quotes)


def test_a_passage_elsewhere_in_the_document_is_cited_by_the_documents_offsets() -> None:
    late = dataclasses.replace(PASSAGES[0], start=68, text=SERVED.text[68:])
    citer = Citer([late], STORED)
    citer.check(said((1, "A weekend alone is paid £90.")))
    (quote,) = citer.quotes
    assert SERVED.text[quote.start : quote.end] == "A weekend alone is paid £90."
