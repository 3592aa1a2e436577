"""The service over real HTTP, on a small installation."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from penstock import feedback, interactions
from penstock.answers import ask
from penstock.retrieval import search
from support.service import events_of, serving
from support.workspace import Workspace

SEARCH, ANSWER = "/v1/indexes/main/search", "/v1/indexes/main/answer"


@pytest.fixture
def mill(workspace: Workspace) -> Workspace:
    workspace.write("mill.md", "# Mill\n\nThe miller grinds barley in the old mill.\n")
    workspace.write("eel.md", "# Eel\n\nThe eel swims past the weir.\n")
    workspace.sync()
    return workspace


@pytest.fixture
def client(mill: Workspace) -> Iterator[httpx.Client]:
    with serving(mill.platform) as client:
        yield client


def test_a_search_is_answered_and_recorded(mill: Workspace, client: httpx.Client) -> None:
    said = client.post(SEARCH, json={"query": "Who grinds barley?", "k": 1, "session": "s-1"})
    assert said.status_code == 200
    found = json.loads(json.dumps(search(mill.platform, "main", "Who grinds barley?", k=1).to_dict()))
    body = said.json()
    assert list(body) == ["interaction", "index", "release", "query", "hits", "passages"]
    assert (body["hits"], body["passages"]) == (found["hits"], found["passages"])
    kept = interactions.read(mill.platform, "main").to_pylist()
    assert [(one["id"], one["query"]) for one in kept] == [(body["interaction"], "Who grinds barley?")]


def test_an_answer_is_the_same_whole_and_streamed(mill: Workspace, client: httpx.Client) -> None:
    asked = {"question": "Who grinds barley?"}
    whole = client.post(ANSWER, json=asked).json()
    with client.stream("POST", ANSWER, json={**asked, "stream": True}) as said:
        assert said.headers["content-type"].startswith("text/event-stream")
        events = list(events_of(said.iter_lines()))
    assert [name for name, _ in events] == ["reading", *["claim"] * len(whole["claims"]), "ended"]
    assert events[0][1]["passages"] == whole["passages"]
    assert [data["claim"] for name, data in events if name == "claim"] == whole["claims"]
    times = {"interaction": None, "stages": None}
    assert events[-1][1] | times == whole | times
    right = ask(mill.platform, "main", "Who grinds barley?").to_dict()
    assert whole.keys() - {"interaction"} == right.keys()
    assert whole["text"] == right["text"]
    kept = {one["id"]: one["answer"] for one in interactions.read(mill.platform, "main").to_pylist()}
    assert kept == {whole["interaction"]: whole["text"], events[-1][1]["interaction"]: whole["text"]}


def test_feedback_finds_its_interaction(mill: Workspace, client: httpx.Client) -> None:
    shown = client.post(ANSWER, json={"question": "Who grinds barley?"}).json()["interaction"]
    given = client.post("/v1/feedback", json={"interaction": shown, "kind": "rating", "value": 1})
    assert given.status_code == 201
    assert list(given.json()) == ["id"]
    passage = client.post(SEARCH, json={"query": "Who grinds barley?"}).json()["passages"][0]
    span = {name: passage[name] for name in ("start", "end")}
    right = {"interaction": shown, "kind": "right-passage", "passage": passage["document_id"], "span": span}
    assert client.post("/v1/feedback", json=right).status_code == 201
    kept = feedback.read(mill.platform, "main").to_pylist()[-1]
    assert {name: kept[name] for name in ("document_id", "start", "end")} == {"document_id": right["passage"], **span}
    unknown = client.post("/v1/feedback", json={"interaction": "none", "kind": "rating", "value": 1})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:penstock:problem:unknown-interaction")


def test_indexes_and_releases_are_listed(mill: Workspace, client: httpx.Client) -> None:
    mill.write("eel.md", "# Eel\n\nThe eel sleeps.\n")
    mill.sync()
    (index,) = client.get("/v1/indexes").json()["indexes"]
    assert (index["name"], index["release"], index["documents"], index["fields"]["team"]) == ("main", 2, 2, "text")
    releases = client.get("/v1/indexes/main/releases").json()["releases"]
    assert [(one["number"], one["live"]) for one in releases] == [(2, True), (1, False)]


def test_the_page_is_served_under_strict_headers(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/page/index.html").text == page.text
    assert client.get("/page/../app.py").status_code == 404
    script = client.get("/page/page.js")
    assert script.headers["content-type"].startswith("text/javascript")
    unchanged = client.get("/page/page.js", headers={"If-None-Match": script.headers["etag"]})
    assert (unchanged.status_code, unchanged.headers["cache-control"]) == (304, "no-cache")
