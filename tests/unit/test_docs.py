"""What README and docs show is true: each configuration loads, each command is there, each link leads somewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer.main

from penstock.cli import app
from penstock.settings import Settings
from penstock.sources.access import from_metadata, from_sidecar, from_tags

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDER = {"type": "folder", "path": "documents", "when_silent": ["public"]}
BASE = {
    "sources": dict.fromkeys(("contracts", "handbook"), FOLDER),
    "indexes": {"legal": {"sources": ["contracts"]}, "handbook": {"sources": ["handbook"]}},
}
"""What an example that shows only a part goes with."""


def blocks() -> list[Any]:
    return [
        pytest.param(text, id=f"{page.name}-{nth}")
        for page in PAGES
        for nth, text in enumerate(re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S), 1)
    ]


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """The example's own source takes the place of the base's, which is of another type."""
    found = dict(base)
    for key, value in more.items():
        whole = not isinstance(value, dict) or not isinstance(found.get(key), dict) or "type" in value
        found[key] = value if whole else merged(found[key], value)
    return found


@pytest.mark.parametrize("text", blocks())
def test_each_configuration_that_is_shown_is_one(text: str) -> None:
    Settings(**merged(BASE, tomllib.loads(text)))


def test_what_a_document_says_of_itself_is_read_as_shown() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = re.findall(r'^\| `"(sidecar|metadata|tags)"` \| .* \| (.*) \|$', page, re.M)
    shown = {way: re.findall("`(.*?)`", what) for way, what in rows}
    said = {
        "sidecar": from_sidecar("pay.md.access.json", shown["sidecar"][0].encode()),
        "metadata": from_metadata("pay.md", dict(one.split(": ", 1) for one in shown["metadata"])),
        "tags": from_tags("pay.md", dict(one.split(" = ", 1) for one in shown["tags"])),
    }
    assert {way: one.problem for way, one in said.items()} == dict.fromkeys(said)
    assert {one.fields["team"] for one in said.values()} == {"people"}
    assert {"group:hr" in (one.principals or ()) for one in said.values()} == {True}


def commands() -> set[str]:
    group = typer.main.get_command(app)
    return set(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_that_is_shown_is_there(page: Path) -> None:
    shown = set(re.findall(r"(?:^ {4}|\$ |`)penstock ([a-z]+)", page.read_text(), re.M))
    assert shown <= commands()


def test_the_list_of_commands_is_whole() -> None:
    listed = re.search(r"^## The commands\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S)
    assert listed is not None
    assert commands() <= set(re.findall(r"(?:^ {4}penstock|\|) ([a-z]+)", listed[1], re.M))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text()):
        to = page.parent / target if target else page
        assert to.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", to.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
