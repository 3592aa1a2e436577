"""The page by keyboard, on a phone, in the dark; what it says back; and where it keeps what was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.page_server import PageServer, ask, claim, ended, passage, quote, reading
from support.s3_proxy import slow

pytestmark = pytest.mark.xdist_group("browser")

Accessible = Callable[[Page], None]
MILL = passage()
CLAIMS = [
    claim("He grinds barley.", quote(1, "The miller grinds barley.", MILL), quote(2, "Nobody else does.", MILL)),
    claim("It is the finest of all."),
]
PHONE = {"viewport": {"width": 320, "height": 568}, "is_mobile": True, "has_touch": True}


@pytest.fixture(autouse=True)
def _answer(server: PageServer) -> None:
    server.stream(reading(MILL), *CLAIMS, ended(CLAIMS))


def focused(tab: Page) -> str:
    return tab.evaluate(
        "document.activeElement.ariaLabel || document.activeElement.innerText || document.activeElement.id"
    )


def test_everything_is_done_by_keyboard(server: PageServer, tab: Page) -> None:
    tab.goto(server.url)
    expect(tab.get_by_label("Your question")).to_be_focused()
    tab.keyboard.type("Who grinds")
    tab.keyboard.press("Shift+Enter")
    tab.keyboard.type("barley?")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("From release 7")).to_be_visible()
    assert server.sent("/v1/indexes/main/answer")["question"] == "Who grinds\nbarley?"

    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    assert focused(tab) == "Source 1: The mill › Work"
    assert tab.locator(":focus").evaluate("(one) => getComputedStyle(one).outlineStyle") == "solid"
    tab.keyboard.press("Enter")
    expect(tab.locator("mark.current")).to_be_visible()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    assert focused(tab) == "Close the passage"
    tab.keyboard.press("Escape")
    expect(tab.locator(".passage")).to_have_count(0)
    assert focused(tab) == "Source 1: The mill › Work"

    reached = []
    for _ in range(6):
        tab.keyboard.press("Tab")
        reached.append(focused(tab))
    assert reached[1:] == ["Good answer", "Bad answer", "What should it have said?", "Copy", "Read for this: 1 passage"]
    tab.keyboard.press("/")
    expect(tab.get_by_label("Your question")).to_be_focused()
    tab.keyboard.type("a/b")
    expect(tab.get_by_label("Your question")).to_have_value("a/b")


def test_what_is_asked_is_in_the_address_that_no_server_sees(server: PageServer, tab: Page) -> None:
    tab.goto(server.url)
    ask(tab, "Is Ann ill?")
    expect(tab.get_by_role("heading", name="Is Ann ill?")).to_be_visible()
    assert tab.url == f"{server.url}/#index=main&q=Is+Ann+ill%3F"
    assert not [path for path in server.asked() if "Ann" in path]
    assert not [one for one in server.requests if "Ann" in str(one.headers)]


def test_back_and_forward_show_the_answers_without_asking_again(server: PageServer, tab: Page) -> None:
    tab.goto(server.url)
    for question in ("One?", "Two?"):
        ask(tab, question)
        expect(tab.get_by_role("heading", name=question)).to_be_visible()
        expect(tab.get_by_text("From release 7")).to_be_visible()
    asked = len(server.asked("main/answer"))
    tab.go_back()
    expect(tab.get_by_role("heading", name="One?")).to_be_visible()
    expect(tab.get_by_label("Your question")).to_have_value("One?")
    tab.go_forward()
    expect(tab.get_by_role("heading", name="Two?")).to_be_visible()
    tab.go_back()
    tab.go_back()
    expect(tab.locator("article")).to_have_count(0)
    assert len(server.asked("main/answer")) == asked == 2


def test_pressed_twice_asks_once_and_a_new_release_is_named(server: PageServer, tab: Page) -> None:
    server.list_indexes("main", release=6)
    server.stream(reading(MILL), *CLAIMS, ended(CLAIMS), pause_s=0.3)
    tab.goto(server.url)
    expect(tab.get_by_text("main · release 6")).to_be_visible()
    server.list_indexes("main", release=7)
    ask(tab, "Who?")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("main · release 7")).to_be_visible()
    assert len(server.asked("main/answer")) == 1


def test_who_is_quicker_than_the_list_of_indexes_is_answered(server: PageServer, tab: Page) -> None:
    server.play(slow(0.5), "/v1/indexes", times=1)
    tab.goto(server.url)
    ask(tab, "Who?")
    tab.keyboard.type(" And")
    expect(tab.get_by_text("From release 7")).to_be_visible()
    expect(tab.get_by_label("Your question")).to_have_value("Who? And")
    assert server.sent("main/answer")["question"] == "Who?"
    assert len(server.asked("main/answer")) == 1
    assert tab.url == f"{server.url}/#index=main&q=Who%3F"


def test_who_is_quicker_than_the_list_asks_the_index_of_the_address(server: PageServer, tab: Page) -> None:
    server.list_indexes("first", "main")
    server.play(slow(0.5), "/v1/indexes", times=1)
    tab.goto(f"{server.url}/#index=main")
    ask(tab, "Who?")
    expect(tab.get_by_text("From release 7 of main")).to_be_visible()
    assert tab.url == f"{server.url}/#index=main&q=Who%3F"


def test_what_a_reader_says_reaches_the_service(server: PageServer, tab: Page, accessible: Accessible) -> None:
    tab.goto(server.url)
    ask(tab, "Who?")
    up, down = tab.get_by_role("button", name="Good answer"), tab.get_by_role("button", name="Bad answer")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    common = {"interaction": "i1", "session": server.sent("main/answer")["session"]}
    assert len(common["session"]) == 32
    assert server.sent("/feedback") == {**common, "kind": "rating", "value": 1}

    down.click()
    expect(down).to_have_attribute("aria-pressed", "true")
    expect(up).to_have_attribute("aria-pressed", "false")
    assert server.sent("/feedback")["value"] == -1
    tab.get_by_label("The right answer").fill("The miller's wife does.")
    accessible(tab)
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_label("The right answer")).to_be_hidden()
    expect(tab.get_by_text("Thank you, it is kept.")).to_be_visible()
    assert server.sent("/feedback") == {**common, "kind": "correction", "text": "The miller's wife does."}

    tab.get_by_text("Read for this").click()
    tab.locator("li summary").click()
    tab.get_by_role("button", name="This answers it").click()
    expect(tab.locator("li").get_by_text("Thank you")).to_be_visible()
    assert server.sent("/feedback") == {**common, "kind": "right-passage", "passage": "c1"}


def test_feedback_that_could_not_be_kept_is_said_to_be_lost(server: PageServer, tab: Page) -> None:
    server.refuse("/v1/feedback", 422, "there is no interaction 'i1': it was erased")
    tab.goto(server.url)
    ask(tab, "Who?")
    up = tab.get_by_role("button", name="Good answer")
    up.click()
    expect(tab.get_by_text("It could not be kept: there is no interaction 'i1': it was erased")).to_be_visible()
    expect(up).to_have_attribute("aria-pressed", "false")


def test_a_copy_brings_the_citations_and_is_reported_once(server: PageServer, open_tab: Callable[..., Page]) -> None:
    tab = open_tab(permissions=["clipboard-read", "clipboard-write"])
    tab.goto(server.url)
    ask(tab, "Who?")
    with tab.expect_response("**/v1/feedback"):
        tab.get_by_role("button", name="Copy").click()
    expect(tab.get_by_text("Copied.")).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()").splitlines() == [
        "He grinds barley. [1] [2]",
        "It is the finest of all. [no source]",
        "[1] The mill, page 3, release 7",
        "[2] The mill, page 3, release 7",
    ]
    tab.get_by_role("button", name="Copy").click()
    assert [server.sent("v1/feedback")["kind"], len(server.asked("v1/feedback"))] == ["copied", 1]


@pytest.mark.parametrize("options", [PHONE, {**PHONE, "color_scheme": "dark"}, {"color_scheme": "dark"}])
def test_it_fits_a_phone_and_the_dark(
    server: PageServer, open_tab: Callable[..., Page], accessible: Accessible, options: dict[str, Any]
) -> None:
    server.list_indexes("main", "a-rather-long-name-of-an-index-for-a-phone")
    tab = open_tab(**options)
    tab.goto(server.url)
    ask(tab, "Pneumonoultramicroscopicsilicovolcanoconiosis" * 3)
    tab.get_by_role("button", name="Source 2").click()
    expect(tab.locator("mark.current")).to_be_in_viewport(ratio=1)
    tab.get_by_role("button", name="What should it have said?").click()
    tab.get_by_text("Read for this").click()
    size, key = tab.viewport_size, tab.get_by_role("button", name="Use a key").bounding_box()
    assert size is not None
    assert key is not None
    assert tab.evaluate("document.documentElement.scrollWidth") <= size["width"], (
        "innerWidth grows with what sticks out"
    )
    assert key["height"] < 50, "in one line"
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 20, 24)"
    assert dark == ("color_scheme" in options)
    accessible(tab)


def test_nothing_moves_that_was_there(server: PageServer, open_tab: Callable[..., Page]) -> None:
    """The sum of layout shifts (https://web.dev/articles/cls) of loading, asking and answering is nothing."""
    server.list_indexes("main", "support")
    server.stream(reading(MILL), *CLAIMS * 20, ended(CLAIMS), pause_s=0.7)  # longer than a shift counts as asked for
    tab = open_tab(reduced_motion="reduce")
    tab.goto(f"{server.url}/#q=Who?")
    expect(tab.locator(".claim").first).to_be_visible()
    assert tab.locator("#progress").evaluate("(one) => getComputedStyle(one, '::before').animationName") == "none"
    expect(tab.get_by_text("From release 7")).to_be_visible()
    assert tab.evaluate(SHIFTS) == []


SHIFTS = """() => new Promise((done) => {
  const found = [];
  const moved = ({ sources }) => sources.map(({ node }) => node?.outerHTML);
  new PerformanceObserver((list) => found.push(...list.getEntries().flatMap(moved)))
    .observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done(found), 50);
})"""


def test_a_reader_can_read_the_name_that_erasure_goes_by(server: PageServer, tab: Page, accessible: Accessible) -> None:
    tab.goto(server.url)
    ask(tab, "Who grinds barley?")
    expect(tab.get_by_text("From release 7")).to_be_visible()
    expect(tab.locator("#session")).to_be_hidden()
    tab.get_by_text("What is kept of your questions?").click()
    expect(tab.locator("#session")).to_have_text(server.sent("/v1/indexes/main/answer")["session"])
    accessible(tab)
