"""The worked configurations, against answers of the shape that each API's public documentation shows."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.http_settings import ApiSource
from penstock.parsing import ParserPool
from penstock.platform import Platform
from penstock.records import SourceObject
from penstock.retrieval import search
from penstock.settings import IndexSettings, ParserSettings, Settings, load
from penstock.sources import Before, open_source
from penstock.sync import sync
from support.s3_proxy import Answer, Request
from support.web import WebServer
from support.workspace import LOOSE

pytestmark = pytest.mark.server
EXAMPLES = Path(__file__).parents[2] / "include" / "config" / "examples"
SHAPES = Path(__file__).parents[1] / "golden" / "apis"
TOKEN = "hush-7f3a9"  # noqa: S105


class Documented(WebServer):
    """Answers with the pages of a fixture, one after another; ``{next}`` in one is the address of the next."""

    def show(self, name: str) -> None:
        self.shape = json.loads((SHAPES / f"{name}.json").read_text())
        assert self.shape["documented_at"].startswith("https://")
        assert self.shape["read_on"]
        self.routes[self.shape["path"]] = self._page

    def _page(self, request: Request) -> Answer:
        number = 1 if "after=1" in request.path else 0
        page = self.shape["pages"][number]
        relative = f"{self.shape['path']}?after=1"
        headers = {"Content-Type": "application/json"}
        if page.get("link"):
            headers["Link"] = page["link"].replace("{next}", self.url + relative)
        return Answer(200, headers, json.dumps(page["body"]).replace("{next}", relative).encode())


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Documented]:
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("CONFLUENCE_TOKEN", TOKEN)
    with Documented.serve() as started:
        yield started


def settings(name: str, server: WebServer) -> Settings:
    """The example as it is, but for its host, and for the address that a test may ask."""
    written = load(EXAMPLES / f"{name}.toml")
    ((source, found),) = written.sources.items()
    assert isinstance(found, ApiSource)
    here = {"base_url": server.url, "allow_private_addresses": True, "requests_per_second": 1000.0}
    return written.model_copy(update={"sources": {source: found.model_copy(update=here)}})


def listed(made: Settings) -> dict[str, SourceObject]:
    ((name, source),) = made.sources.items()
    return {item.key: item for item in open_source(name, source).list()}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_loads_and_has_a_fixture(example: Path) -> None:
    made = load(example)
    assert len(made.sources) == len(made.indexes) == 1
    assert (SHAPES / f"{example.stem}.json").exists()


def test_github_issues(server: Documented) -> None:
    server.show("github-issues")
    made = settings("github-issues", server)
    found = listed(made)
    assert [item.key for item in found.values() if not item.gone] == ["7.md", "9.md"]
    assert found["7.md"].content == (
        b"# The sluice sticks\n\nThe upper sluice sticks in frost.\n\n- grease it in *November*\n\n"
    )
    assert found["7.md"].fields == {
        "url": "https://github.com/tolley/mills/issues/7",
        "modified": "2026-02-01T10:00:00Z",
        "state": "open",
        "label": "fault",
    }
    assert found["9.md"].content == b"# Order rye\n\n\n"
    assert "per_page=100" in server.asked()[0]
    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}
    assert server.requests[0].headers["accept"] == "application/vnd.github+json"


def test_github_is_asked_for_what_changed_since(server: Documented) -> None:
    server.show("github-issues")
    made = settings("github-issues", server)
    source = open_source("issues", made.sources["issues"])
    reading = source.read(Before())
    assert len(list(reading.objects)) == 3
    server.behave()
    list(source.read(Before(reading.cursor)).objects)
    assert "since=2026-02-03T09%3A55%3A00Z" in server.asked()[0]


def test_confluence_pages(server: Documented, tmp_path: Path, pools: dict[ParserSettings, ParserPool]) -> None:
    """Also parsed and served: what Confluence stores is no plain HTML."""
    server.show("confluence-pages")
    made = settings("confluence-pages", server)
    found = listed(made)
    assert list(found) == ["70001.html", "70002.html"]
    assert found["70001.html"].fields["url"] == "https://example.atlassian.net/wiki/spaces/MILL/pages/70001"
    words = base64.b64encode(f"reader@example.com:{TOKEN}".encode()).decode()
    assert {request.headers["authorization"] for request in server.requests} == {f"Basic {words}"}
    hits = served(made, tmp_path, pools)
    assert {hit.title for hit in hits} == {"River watch", "Flood drill"}
    text = "\n".join(hit.text for hit in hits)
    assert "reads the gauge at six" in text
    assert "The gauge hangs under the bridge." in text
    assert "structured-macro" not in text
    assert {hit.fields["space"] for hit in hits} == {"65537"}
    assert any(hit.fields["url"].endswith("/pages/70001") for hit in hits)


def served(made: Settings, tmp_path: Path, pools: dict[ParserSettings, ParserPool]) -> list[Any]:
    written = made.indexes["wiki"].model_dump(exclude={"embedder", "gates"})
    index = IndexSettings(**written, embedder={"backend": "hashing"}, gates=LOOSE)
    wiki = made.sources["wiki"].model_copy(update={"when_silent": ("public",)})
    here = {"sources": {"wiki": wiki}, "indexes": {"wiki": index}, "parser": next(iter(pools)), "home": tmp_path}
    platform = Platform(made.model_copy(update=here), pools=pools)
    assert sync(platform, "wiki").state == "published"
    hits = list(search(platform, "wiki", "a", k=100, mode="vector").hits)
    platform.close()
    return hits
