"""What stands in the way of an answer is shown for what it is, with what to do; what was there stays readable."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.page_server import PageServer, ask, claim, ended, passage, quote, reading
from support.s3_proxy import broken_off

pytestmark = pytest.mark.xdist_group("browser")

Accessible = Callable[[Page], None]
MILL = passage()
GRINDS = claim("He grinds barley.", quote(1, "The miller grinds barley.", MILL))
ANSWER = "/v1/indexes/main/answer"


def answered(server: PageServer, tab: Page) -> None:
    """A first question, well answered; what goes wrong comes later."""
    server.stream(reading(MILL), GRINDS, ended([GRINDS]))
    tab.goto(server.url)
    ask(tab, "Who grinds barley?")
    expect(tab.get_by_text("From release 7 of main")).to_be_visible()


def still_there(tab: Page) -> None:
    expect(tab.get_by_role("heading", name="Who grinds barley?")).to_be_visible()
    tab.get_by_role("button", name="Source 1").click()
    expect(tab.locator("mark")).to_be_visible()


REFUSALS = [
    (403, "Your key does not allow this", "", False),
    (404, "The service's own title", "", False),
    (410, "This release is gone", "Ask again: the live release answers.", True),
    (413, "The question is too long", "Shorten it and ask again.", False),
    (422, "The service cannot take this question", "Change it and ask again.", False),
    (429, "Too many questions at once", "Try again in 12 seconds.", True),
    (503, "The service cannot answer just now", "Try again in 12 seconds.", True),
    (504, "The answer took too long", "Try again, or ask for less at once.", True),
    (500, "The service's own title", "urn:uuid:1", True),
]


def test_a_refused_question_is_told_in_plain_words(server: PageServer, tab: Page) -> None:
    """One after the other in one tab; the first answer is there all the time."""
    answered(server, tab)
    alert = tab.get_by_role("alert")
    for status, title, advice, again in REFUSALS:
        waits = {"Retry_After": "12"} if status in (429, 503) else {}
        server.refuse(ANSWER, status, f"the service's own words on {status}", **waits)
        ask(tab, f"And rye, {status}?")
        expect(alert).to_contain_text(f"The service's own words on {status}")
        expect(alert).to_contain_text(advice)
        expect(alert.get_by_role("heading")).to_have_text(title)
        expect(alert.get_by_role("button", name="Try again")).to_have_count(int(again))
    still_there(tab)

    server.stream(reading(MILL), ended(reason="nobody says"))
    alert.get_by_role("button", name="Try again").click()
    expect(tab.get_by_role("heading", name="Not in the index")).to_be_visible()
    expect(alert).to_have_count(0)
    assert server.sent(ANSWER)["question"] == "And rye, 500?"


def test_what_is_wrong_with_a_request_is_listed(server: PageServer, tab: Page, accessible: Accessible) -> None:
    body = {
        "status": 422,
        "detail": "2 values will not do",
        "errors": [{"at": "body.question", "problem": "too blank"}],
    }
    server.routes[ANSWER] = server.answering(body, 422, "application/problem+json")
    tab.goto(server.url)
    ask(tab, "?")
    expect(tab.get_by_role("alert").get_by_role("listitem")).to_have_text("body.question: too blank")
    accessible(tab)


def test_of_a_proxys_error_only_the_status_is_believed(server: PageServer, tab: Page) -> None:
    server.routes[ANSWER] = server.answering("<h1>nginx</h1>", 502, "text/html")
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.get_by_role("alert").get_by_role("heading")).to_have_text("The service failed (502)")
    expect(tab.get_by_text("nginx")).to_have_count(0)


def test_a_service_that_cannot_be_reached_is_told_and_tried_again(server: PageServer, tab: Page) -> None:
    down = server.play(broken_off, "/v1/indexes")
    tab.goto(f"{server.url}/#q=Who?")
    alert = tab.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("The service cannot be reached")
    expect(alert).to_contain_text("Check your connection, then try again.")
    assert down.played
    server.behave()
    server.stream(reading(MILL), GRINDS, ended([GRINDS]))
    alert.get_by_role("button").click()
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    expect(alert).to_have_count(0)


def test_what_is_no_answer_is_said_to_be_unreadable(server: PageServer, tab: Page) -> None:
    server.stream(("reading", {"release": 7}))
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.get_by_role("alert")).to_contain_text("The service sent something that this page cannot read")
    expect(tab.get_by_role("button", name="Stop")).to_be_hidden()


# Answers that break off

PROBLEM = ("problem", {"type": "urn:penstock:problem:late", "title": "Late", "status": 504, "detail": "after 30 s"})


@pytest.mark.parametrize(
    ("rest", "title"),
    [
        ([], "The answer broke off"),
        (["event: claim\ndata: {"], "The answer broke off"),
        (["event: claim\ndata: {garbage}\n\n"], "The service sent something that this page cannot read"),
        ([f"event: problem\ndata: {json.dumps(PROBLEM[1])}\n\n"], "The answer took too long"),
    ],
    ids=["ends", "half an event", "garbage", "problem"],
)
def test_of_an_answer_that_breaks_off_what_had_come_stays(
    server: PageServer, tab: Page, rest: list[str], title: str
) -> None:
    server.stream(reading(MILL), GRINDS, rest="".join(rest))
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.get_by_role("alert").get_by_role("heading")).to_have_text(title)
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    expect(tab.get_by_text("Read for this: 1 passage")).to_be_visible()
    expect(tab.get_by_role("button", name="Good answer")).to_have_count(0)
    expect(tab.get_by_role("button", name="Try again")).to_be_visible()


def test_a_connection_that_is_cut_is_an_answer_that_broke_off(
    server: PageServer, tab: Page, accessible: Accessible
) -> None:
    server.stream(reading(MILL), GRINDS, ended([GRINDS] * 3), lost=40, pause_s=0.3)
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.get_by_role("alert").get_by_role("heading")).to_have_text("The answer broke off")
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    accessible(tab)


def test_what_a_generator_left_unfinished_is_said_and_can_be_rated(server: PageServer, tab: Page) -> None:
    server.stream(reading(MILL), GRINDS, ended([GRINDS], broken_off="the model was not done after 30 s"))
    tab.goto(server.url)
    ask(tab, "Who?")
    expect(tab.get_by_text("The model was not done after 30 s. What had come is shown.")).to_be_visible()
    expect(tab.get_by_role("button", name="Bad answer")).to_be_visible()


def test_a_new_question_ends_the_one_under_way_and_stop_ends_both(server: PageServer, tab: Page) -> None:
    server.stream(reading(MILL), claim("Slow."), GRINDS, GRINDS, ended([GRINDS]), pause_s=1.0)
    tab.goto(server.url)
    ask(tab, "Slowly?")
    expect(tab.get_by_text("Slow.")).to_be_visible()
    ask(tab, "Again?")
    expect(tab.get_by_role("heading", name="Again?")).to_be_visible()
    tab.get_by_role("button", name="Stop").click()
    expect(tab.get_by_text("You stopped this answer")).to_be_visible()
    expect(tab.get_by_text("Slow.")).to_be_visible()
    expect(tab.get_by_role("button", name="Stop")).to_be_hidden()
    expect(tab.get_by_role("heading", name="Slowly?")).to_have_count(0)


# Indexes

EMPTY = [
    ({"names": ()}, "There is no index here yet"),
    ({"names": ("main",), "release": None}, "Nothing is published in main yet"),
    ({"names": ("main",), "documents": 0}, "main is empty"),
]


@pytest.mark.parametrize(("listed", "title"), EMPTY, ids=["none", "unpublished", "empty"])
def test_an_index_with_nothing_in_it_is_said_to_be_so(
    server: PageServer, tab: Page, accessible: Accessible, listed: dict[str, Any], title: str
) -> None:
    server.list_indexes(*listed.pop("names"), **listed)
    tab.goto(server.url)
    expect(tab.get_by_role("heading", name=title)).to_be_visible()
    expect(tab.get_by_label("Index")).to_be_hidden()
    accessible(tab)


def test_of_several_indexes_one_is_chosen_and_a_link_keeps_the_choice(server: PageServer, tab: Page) -> None:
    server.list_indexes("main", "support")
    server.stream(reading(MILL), GRINDS, ended([GRINDS]), index="support")
    tab.goto(server.url)
    tab.get_by_label("Index").select_option("support")
    expect(tab.get_by_text("support · release 7")).to_be_visible()
    ask(tab, "Who?")
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    tab.reload()
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    expect(tab.get_by_label("Index")).to_have_value("support")


def test_an_answer_of_another_index_does_not_stay_below_what_went_wrong(server: PageServer, tab: Page) -> None:
    server.list_indexes("main", "support")
    answered(server, tab)
    server.refuse("/v1/indexes/support/answer", 404, "Ask whoever runs the service to publish its first release.")
    tab.get_by_label("Index").select_option("support")
    ask(tab, "And rye?")
    expect(tab.get_by_role("alert")).to_contain_text("publish its first release")
    expect(tab.get_by_role("heading", name="Who grinds barley?")).to_have_count(0)
    expect(tab.get_by_role("button", name="Good answer")).to_have_count(0)


def test_a_link_to_an_index_that_is_not_there_asks_nothing(server: PageServer, tab: Page) -> None:
    tab.goto(f"{server.url}/#index=old&q=Who?")
    expect(tab.get_by_role("alert")).to_contain_text("There is no index “old” here")
    assert server.asked("main/answer") == []


# Keys


def test_a_key_is_asked_for_where_the_service_wants_one(server: PageServer, tab: Page, accessible: Accessible) -> None:
    listing, wanted = server.routes["/v1/indexes"], server.refusal(401, "no key came with the request; send one")
    server.routes["/v1/indexes"] = lambda request: (listing if "authorization" in request.headers else wanted)(request)
    server.stream(reading(MILL), GRINDS, ended([GRINDS]))
    tab.goto(f"{server.url}/#q=Who?")
    expect(tab.get_by_role("heading", name="This service asks for a key")).to_be_visible()
    expect(tab.get_by_text("no key came with the request; send one")).to_be_visible()
    expect(tab.get_by_label("Key", exact=True)).to_be_focused()
    accessible(tab)

    tab.keyboard.type("psk_1_secret")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    questions = [one for one in server.requests if one.path.endswith("/answer")]  # the page's icon may come later
    assert questions[-1].headers["authorization"] == "Bearer psk_1_secret"
    assert "secret" not in tab.url
    tab.reload()
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()

    tab.get_by_role("button", name="Forget the key").click()
    expect(tab.get_by_role("heading", name="This service asks for a key")).to_be_visible()
    expect(tab.get_by_text("He grinds barley.")).to_have_count(0)
    expect(tab.get_by_text("main · release 7")).to_have_count(0)
    assert tab.evaluate("JSON.stringify(sessionStorage)").find("secret") == -1


def test_an_expired_key_is_said_to_be_so_and_another_goes_on(server: PageServer, tab: Page) -> None:
    answered(server, tab)
    tab.evaluate("sessionStorage.setItem('penstock.key', 'psk_old_secret')")
    fine, expired = server.routes[ANSWER], server.refusal(401, "key old expired on 1 November; ask for another")
    server.routes[ANSWER] = lambda request: (expired if "old" in request.headers["authorization"] else fine)(request)
    ask(tab, "And rye?")
    expect(tab.get_by_role("heading", name="Your key is not accepted")).to_be_visible()
    expect(tab.get_by_text("key old expired on 1 November; ask for another")).to_be_visible()
    still_there(tab)
    expect(tab.get_by_role("button", name="Go on without a key")).to_be_visible()

    tab.get_by_label("Key", exact=True).fill("geheim\u00e4")
    tab.get_by_role("button", name="Use this key").click()
    assert tab.locator("#key").evaluate("(one) => one.validationMessage").startswith("A key is letters")
    tab.get_by_label("Key", exact=True).fill("psk_new_secret")
    tab.get_by_role("button", name="Use this key").click()
    expect(tab.get_by_role("heading", name="And rye?")).to_be_visible()
    expect(tab.get_by_role("heading", name="Your key is not accepted")).to_be_hidden()


def test_going_on_without_a_key_is_offered_only_where_that_leads_on(server: PageServer, tab: Page) -> None:
    listing, wanted = server.routes["/v1/indexes"], server.refusal(401, "no key came with the request; send one")
    expired = server.refusal(401, "key old expired on 1 November; ask for another")
    tab.goto(server.url)
    tab.evaluate("sessionStorage.setItem('penstock.key', 'psk_old_secret')")
    server.routes["/v1/indexes"] = lambda request: (expired if "authorization" in request.headers else wanted)(request)
    with tab.expect_response(
        lambda one: one.url.endswith("/v1/indexes") and "authorization" not in one.request.headers
    ):
        tab.reload()
        expect(tab.get_by_role("heading", name="Your key is not accepted")).to_be_visible()
    expect(tab.get_by_role("button", name="Go on without a key")).to_be_hidden()
    server.routes["/v1/indexes"] = lambda request: (expired if "authorization" in request.headers else listing)(request)
    tab.reload()
    tab.get_by_role("button", name="Go on without a key").click()
    expect(tab.get_by_text("main · release 7")).to_be_visible()


def test_a_key_can_be_used_where_none_is_needed(server: PageServer, tab: Page, accessible: Accessible) -> None:
    answered(server, tab)
    tab.get_by_role("button", name="Use a key").click()
    expect(tab.get_by_text("It shows what it may read, beside what is public.")).to_be_visible()
    expect(tab.get_by_label("Key", exact=True)).to_be_focused()
    accessible(tab)
    tab.get_by_role("button", name="Go on without a key").click()
    expect(tab.get_by_label("Key", exact=True)).to_be_hidden()
    still_there(tab)

    tab.get_by_role("button", name="Use a key").click()
    tab.keyboard.type("psk_1_secret")
    tab.keyboard.press("Enter")
    expect(tab.get_by_text("He grinds barley.")).to_be_visible()
    questions = [one for one in server.requests if one.path.endswith("/answer")]  # the page's icon may come later
    assert questions[-1].headers["authorization"] == "Bearer psk_1_secret"
    expect(tab.get_by_role("button", name="Use a key")).to_be_hidden()
    tab.get_by_role("button", name="Forget the key").click()
    expect(tab.get_by_role("button", name="Use a key")).to_be_visible()
