"""One Chromium for all tests of the page, a fresh tab for each, and what is asked of every tab."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.page_server import PageServer

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 20_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = os.environ.get("PENSTOCK_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH, and PENSTOCK_TEST_CHROMIUM names none")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # Root, as in CI's containers, has no sandbox; nothing but this machine's own pages is opened.
        browser = playwright.chromium.launch(executable_path=program, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a tab as a browser of the given options would. None may have an error or break its policy."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_tab(**options: object) -> Page:
        contexts.append(browser.new_context(locale="en-GB", timezone_id="UTC", **options))
        tab = contexts[-1].new_page()
        tab.set_default_timeout(PATIENCE_MS)
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
        return tab

    yield open_tab
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def tab(open_tab: Callable[..., Page]) -> Page:
    return open_tab()


@pytest.fixture
def server() -> Iterator[PageServer]:
    with PageServer.serve() as server:
        yield server


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    """Assert that axe-core finds nothing in what a tab shows now."""
    axe = Axe()

    def accessible(tab: Page) -> None:
        found = axe.run(tab)
        assert found.violations_count == 0, found.generate_report()

    return accessible
