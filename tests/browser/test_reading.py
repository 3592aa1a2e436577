"""An answer in the browser: claims, citations that open in place, honest refusals, and text that is only text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.page_server import PageServer, ask, claim, ended, passage, quote, reading

pytestmark = pytest.mark.xdist_group("browser")

Accessible = Callable[[Page], None]
GRINDS, NOBODY = "The miller grinds barley.", "Nobody else does."
MARKUP = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><b>Barley</b> is ground."


def answer(server: PageServer, *claims: tuple[str, dict], of: tuple[dict, ...] = (), **more: object) -> None:
    server.stream(reading(*(of or (passage(),))), *claims, ended(claims, **more))


def test_a_citation_opens_its_passage_in_place_with_the_words_marked(
    server: PageServer, tab: Page, accessible: Accessible
) -> None:
    """An emoji stands before the quotes: the service counts characters, JavaScript units of UTF-16."""
    mill = passage()
    answer(server, claim("He grinds barley.", quote(1, GRINDS, mill), quote(2, NOBODY, mill, page=4)))
    tab.goto(server.url)
    ask(tab, "Who grinds barley?")

    first, second = tab.get_by_role("button", name="Source 1: "), tab.get_by_role("button", name="Source 2: ")
    expect(first).to_have_attribute("aria-expanded", "false")
    first.click()
    opened = tab.get_by_role("group", name="Source 1", exact=True)
    expect(opened).to_contain_text("The mill › Work")
    expect(opened).to_contain_text("docs: mill.md · page 3 · release 7")
    expect(opened.locator("blockquote")).to_have_text(mill["text"])
    assert tab.locator("mark").all_text_contents() == [GRINDS, NOBODY]
    assert tab.locator("mark.current").all_text_contents() == [GRINDS]
    expect(first).to_have_attribute("aria-expanded", "true")
    assert tab.locator(f"#{first.get_attribute('aria-controls')}").count() == 1
    accessible(tab)

    second.click()
    assert tab.locator("mark.current").all_text_contents() == [NOBODY]
    expect(tab.get_by_role("group", name="Source 2", exact=True)).to_contain_text("page 4")
    expect(first).to_have_attribute("aria-expanded", "false")
    second.click()
    expect(tab.locator(".passage")).to_have_count(0)


def test_quotes_that_overlap_are_marked_each_at_its_place(server: PageServer, tab: Page) -> None:
    mill = passage("Alpha beta gamma delta.")
    answer(server, claim("Greek.", quote(1, "Alpha beta gamma", mill), quote(2, "gamma delta", mill)), of=(mill,))
    tab.goto(server.url)
    ask(tab, "What?")
    tab.get_by_role("button", name="Source 2").click()
    assert tab.locator("mark").all_text_contents() == ["Alpha beta ", "gamma", " delta"]
    assert tab.locator("mark.current").all_text_contents() == ["gamma", " delta"]


def test_words_that_are_not_at_their_place_are_not_marked_elsewhere(server: PageServer, tab: Page) -> None:
    mill = passage()
    answer(server, claim("He grinds.", quote(1, GRINDS, mill) | {"start": 3}))
    tab.goto(server.url)
    ask(tab, "Who?")
    tab.get_by_role("button", name="Source 1").click()
    expect(tab.get_by_text("it is shown unmarked")).to_be_visible()
    expect(tab.locator("mark")).to_have_count(0)


def test_a_long_passage_is_scrolled_to_the_words_and_the_page_stays(server: PageServer, tab: Page) -> None:
    long = passage("Water runs.\n" * 400 + GRINDS + "\nWater runs." * 400)
    answer(server, claim("He grinds barley.", quote(1, GRINDS, long)), of=(long,))
    tab.goto(server.url)
    ask(tab, "Who?")
    tab.get_by_role("button", name="Source 1").click()
    expect(tab.locator("mark")).to_be_in_viewport()
    assert tab.evaluate("scrollY") == 0


def test_a_claim_without_a_source_is_marked_as_such(server: PageServer, tab: Page, accessible: Accessible) -> None:
    answer(server, claim("He is the best of all."), dropped={"not in the source": 2})
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.locator(".unsupported")).to_have_text("He is the best of all. [no source]")
    expect(
        tab.get_by_text("From release 7 of main · extractive · 2 quotes left out: not in the source")
    ).to_be_visible()
    accessible(tab)


def test_a_refusal_says_so_and_offers_what_was_nearest(server: PageServer, tab: Page, accessible: Accessible) -> None:
    answer(server, of=(passage(), passage("The weir.", title="Weir")), reason="what was found is not likely to hold it")
    tab.goto(server.url)
    ask(tab, "How tall is the tower?")
    expect(tab.get_by_role("heading", name="Not in the index")).to_be_visible()
    expect(tab.get_by_text("Release 7 of main does not answer this: what was found is not likely")).to_be_visible()
    expect(tab.get_by_text("Nearest in the index: 2 passages")).to_be_visible()
    tab.get_by_text("Weir ›").click()
    expect(tab.get_by_text("The weir.", exact=True)).to_be_visible()
    accessible(tab)


def test_markup_of_documents_and_answers_is_shown_as_text(server: PageServer, tab: Page) -> None:
    evil = passage(MARKUP, title=MARKUP, headings=[MARKUP], key=MARKUP)
    answer(server, claim(MARKUP, quote(1, MARKUP, evil)), of=(evil,), generator=MARKUP)
    server.list_indexes(MARKUP, "main")
    tab.goto(f"{server.url}/#index=main")
    ask(tab, MARKUP)
    tab.get_by_role("button", name="Source 1").click()
    expect(tab.locator("mark")).to_have_text(MARKUP)
    expect(tab.locator(".claim > p")).to_contain_text(MARKUP)
    assert tab.locator("article :is(script, img, b)").count() == 0
    assert tab.evaluate("window.ran") is None


def test_text_from_right_to_left_stands_so(server: PageServer, tab: Page) -> None:
    mill = passage("يطحن الطحان الشعير في الطاحونة.", title="الطاحونة", headings=[])
    answer(server, claim("يطحن الطحان الشعير", quote(1, "يطحن الطحان الشعير", mill)), of=(mill,))
    tab.goto(server.url)
    ask(tab, "من يطحن الشعير؟")
    tab.get_by_role("button", name="Source 1").click()
    for place in ("#question", ".question", ".claim > p", ".passage .title", "blockquote"):
        assert tab.locator(place).first.evaluate("(one) => getComputedStyle(one).direction") == "rtl", place


def test_hundreds_of_citations_are_shown_on_demand(server: PageServer, tab: Page) -> None:
    text = " ".join(f"Word{n}." for n in range(400))
    mill = passage(text)
    answer(server, claim("Many words.", *(quote(n + 1, f"Word{n}.", mill) for n in range(400))), of=(mill,))
    tab.goto(server.url)
    ask(tab, "What?")
    expect(tab.locator(".cite")).to_have_count(13)
    tab.get_by_role("button", name="+ 388 more").click()
    expect(tab.locator(".cite")).to_have_count(400)
    tab.get_by_role("button", name="Source 400:").click()
    assert tab.locator("mark.current").all_text_contents() == ["Word399."]
    assert tab.locator("mark").count() == 400


def test_a_question_of_ten_thousand_characters_is_asked_as_it_is(server: PageServer, tab: Page) -> None:
    answer(server, claim("Yes."))
    tab.goto(server.url)
    question = "Why \U0001f41f? " + "x" * 9990
    ask(tab, question)
    expect(tab.get_by_role("heading", name="Why")).to_have_text(question)
    assert server.sent("main/answer")["question"] == question
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator("#question").bounding_box()["height"] < 400
    tab.reload()
    expect(tab.locator("#question")).to_have_value(question)


def test_an_answer_that_was_not_recorded_takes_no_feedback(server: PageServer, tab: Page) -> None:
    answer(server, claim("Yes."), interaction=None)
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.get_by_text("This answer could not be recorded, so nothing can be said of it.")).to_be_visible()
    expect(tab.get_by_role("button", name="Good answer")).to_have_count(0)
