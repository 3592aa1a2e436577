"""The page before the service that serves it, over a small installation: what a reader does reaches the catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from penstock import interactions
from penstock.catalog.schema import api_keys, feedback
from penstock.credentials import keys
from penstock.credentials.known import MAX_AGE_S
from penstock.settings import GeneratorSettings
from support.chat_models import claim
from support.model_api import CHAT_MODEL, Fault, model_api, use_our_key
from support.page_server import ask
from support.service import serving
from support.workspace import WHO, Workspace

pytestmark = pytest.mark.xdist_group("browser")

Accessible = Callable[[Page], None]
MILL = (
    "# The mill \U0001f33e\n\nThe eel \U0001f41f\U0001f41f swims past <b>the weir</b>. "
    "The miller grinds barley in the old mill \U0001f3da.\n"
)


@pytest.fixture
def mill(workspace: Workspace) -> Workspace:
    workspace.write("mill.md", MILL)
    workspace.sync()
    return workspace


@pytest.fixture
def url(mill: Workspace) -> Iterator[str]:
    with serving(mill.platform) as client:
        yield str(client.base_url)


def test_a_reader_asks_reads_the_source_and_says_what_it_should_have_been(
    mill: Workspace, url: str, tab: Page, accessible: Accessible
) -> None:
    tab.goto(url)
    expect(tab.get_by_text("main · release 1 · ")).to_be_visible()
    ask(tab, "Who grinds barley in the mill?")
    sentence = "The miller grinds barley in the old mill \U0001f3da."
    expect(tab.locator(".claim > p").first).to_contain_text(sentence)
    tab.get_by_role("button", name="Source 1: The mill").click()
    assert tab.locator("mark.current").all_text_contents() == [sentence]
    accessible(tab)

    tab.get_by_role("button", name="Bad answer").click()
    tab.get_by_label("The right answer").fill("Nobody does, since May.")
    expect(tab.get_by_text("Thank you, it is kept.")).to_be_visible()
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_label("The right answer")).to_be_hidden()

    (kept,) = interactions.read(mill.platform, "main").to_pylist()
    assert (kept["query"], kept["release"]) == ("Who grinds barley in the mill?", 1)
    with mill.platform.catalog.read() as connection:
        said = connection.execute(select(feedback).order_by(feedback.c.at)).all()
    assert [(one.interaction_id, one.kind, one.value, one.text) for one in said] == [
        (kept["id"], "rating", -1.0, None),
        (kept["id"], "correction", None, "Nobody does, since May."),
    ]
    assert {one.session for one in said} == {kept["session"]} != {None}


def test_what_the_index_does_not_hold_is_refused_and_the_right_passage_can_be_named(
    mill: Workspace, url: str, tab: Page
) -> None:
    tab.goto(url)
    ask(tab, "Which planets have rings of ice?")
    expect(tab.get_by_role("heading", name="Not in the index")).to_be_visible()
    tab.locator("article li summary").first.click()
    tab.get_by_role("button", name="This answers it").click()
    expect(tab.locator("article li").get_by_text("Thank you")).to_be_visible()
    with mill.platform.catalog.read() as connection:
        (said,) = connection.execute(select(feedback)).all()
    assert (said.kind, said.document_id is None, said.chunk_id is None) == ("right-passage", False, False)


def test_the_services_refusals_are_told(url: str, tab: Page, accessible: Accessible) -> None:
    tab.goto(url)
    ask(tab, "x" * 10_000)
    alert = tab.get_by_role("alert")
    expect(alert.get_by_role("heading")).to_have_text("The service cannot take this question")
    expect(alert.get_by_role("listitem")).to_contain_text("body.question")
    accessible(tab)


def test_an_index_that_was_never_published_is_said_to_be_empty(workspace: Workspace, tab: Page) -> None:
    with serving(workspace.platform) as client:
        tab.goto(str(client.base_url))
        expect(tab.get_by_role("heading", name="Nothing is published in main yet")).to_be_visible()
        ask(tab, "Who?")
        expect(tab.get_by_role("alert").get_by_role("heading")).to_have_text("Nothing was published yet")


def test_an_answer_that_breaks_off_in_the_generator_is_shown_as_far_as_it_came(
    mill: Workspace, tab: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_our_key(monkeypatch)
    with model_api() as model:
        model.writes = lambda _body: claim("He does.", (1, "The miller grinds barley")) + " " * 500
        model.faults.append(Fault(cut=True))
        generator = GeneratorSettings(backend="openai", model=CHAT_MODEL, base_url=f"{model.url}/v1", tries=1)
        mill.change_index(answer=mill.settings.indexes["main"].answer.model_copy(update={"generator": generator}))
        with serving(mill.platform) as client:
            tab.goto(str(client.base_url))
            ask(tab, "Who grinds barley?")
            expect(tab.get_by_role("heading", name="The answer broke off")).to_be_visible()
            expect(tab.locator(".claim > p")).to_have_text("He does. 1")
            expect(tab.get_by_role("button", name="Bad answer")).to_be_visible()


def test_a_key_that_expires_while_it_is_used_is_said_to_have_expired(mill: Workspace, tab: Page) -> None:
    mill.write("pay.md", "# Pay\n\nThe miller is paid in barley.\n")
    mill.allow("pay.md", ["group:people"])
    mill.sync()
    made = keys.create(mill.platform, WHO, "people", ["group:people"], expires_days=1)
    with serving(mill.platform) as client:
        tab.goto(str(client.base_url))
        tab.evaluate(f"sessionStorage.setItem('penstock.key', '{made['key']}')")
        ask(tab, "What is the miller paid in?")
        expect(tab.locator(".claim").first).to_contain_text("The miller is paid in barley.")

        with mill.platform.catalog.write() as connection:
            connection.execute(update(api_keys).values(expires_at=86_400.0))
        tab.wait_for_timeout(1000 * MAX_AGE_S)
        ask(tab, "Is the miller paid?")
        expect(tab.get_by_role("heading", name="Your key is not accepted")).to_be_visible()
        expect(tab.locator("#key-detail")).to_contain_text("expired on 1970-01-02")
        expect(tab.locator(".claim").first).to_contain_text("The miller is paid in barley.")

        tab.get_by_role("button", name="Go on without a key").click()
        expect(tab.get_by_role("heading", name="Is the miller paid?")).to_be_visible()
        expect(tab.get_by_text("The miller is paid in barley.")).to_have_count(0)
