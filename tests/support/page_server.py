"""The page before a service that follows a script: for the states that a real one is hardly ever in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

from penstock.service.watching import HEADERS
from support.s3_proxy import Answer
from support.web import Route, WebServer

PROTECTED = {name.replace("-", "_"): value for name, value in HEADERS.items()}
MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
PUBLISHED_AT = 1_790_000_000.0
TEXT = "The eel \U0001f41f swims past the weir. The miller grinds barley. Nobody else does."

Event = tuple[str, Mapping[str, Any]]


class PageServer(WebServer):
    """Serves the page's files, one index ``main``, and whatever answer a test scripts."""

    def __init__(self) -> None:
        super().__init__()
        for file in files("penstock.service").joinpath("page").iterdir():
            path = "/" if file.name == "index.html" else f"/page/{file.name}"
            self.put(path, file.read_bytes(), MEDIA_TYPES[file.name.rsplit(".", 1)[-1]], **PROTECTED)
        self.list_indexes("main")
        self.put_json("/v1/feedback", {"id": "said"}, 201)

    def list_indexes(self, *names: str, release: int | None = 7, documents: int = 2) -> None:
        common = {
            "release": release,
            "published_at": PUBLISHED_AT,
            "documents": documents,
            "chunks": 9,
            "fields": {},
        }
        self.put_json("/v1/indexes", {"indexes": [{"name": name, **common} for name in names]})

    def put_json(self, path: str, body: Any, status: int = 200) -> None:
        self.routes[path] = self.answering(body, status)

    def refuse(self, path: str, status: int, detail: str = "", **headers: str) -> None:
        """The service's problem document in answer to ``path``."""
        self.routes[path] = self.refusal(status, detail, **headers)

    def refusal(self, status: int, detail: str, **headers: str) -> Route:
        body = {"title": "The service's own title", "status": status, "detail": detail, "instance": "urn:uuid:1"}
        return self.answering(body, status, "application/problem+json", **headers)

    def answering(self, body: Any, status: int, media_type: str = "application/json", **headers: str) -> Route:
        named = {"Content-Type": media_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return lambda _request: Answer(status, named, (body if isinstance(body, str) else json.dumps(body)).encode())

    def stream(self, *events: Event, index: str = "main", rest: str = "", lost: int = 0, pause_s: float = 0) -> None:
        """Answer questions with these events, then ``rest`` as it is; the last ``lost`` bytes never arrive."""
        said = "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events) + rest
        body = said.encode()
        answer = Answer(200, {"Content-Type": "text/event-stream"}, body, len(body) - lost, pause_s)
        self.routes[f"/v1/indexes/{index}/answer"] = lambda _request: answer

    def sent(self, path: str) -> Any:
        """The body of the latest request whose path holds ``path``."""
        return json.loads([one.body for one in self.requests if path in one.path][-1])


def passage(text: str = TEXT, start: int = 100, **more: Any) -> dict[str, Any]:
    place = {
        "document_id": "d1",
        "source": "docs",
        "key": "mill.md",
        "title": "The mill",
        "headings": ["The mill", "Work"],
    }
    return {
        **place,
        "page": 3,
        "revision": "ab" * 32,
        "start": start,
        "end": start + len(text),
        "text": text,
        "chunks": ["c1"],
        **more,
    }


def quote(number: int, words: str, of: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A quote of a passage, at the offsets that the service would give: characters of the document's text."""
    start = of["start"] + of["text"].index(words)
    place = {name: of[name] for name in ("document_id", "source", "key", "title", "headings", "page", "revision")}
    return {"number": number, "text": words, "passage": 0, **place, "start": start, "end": start + len(words), **more}


def reading(*passages: Mapping[str, Any]) -> Event:
    return "reading", {"interaction": None, "release": 7, "passages": passages}


def claim(text: str, *quotes: Mapping[str, Any]) -> Event:
    numbers = [one["number"] for one in quotes]
    return "claim", {"claim": {"text": text, "quotes": numbers, "unsupported": not numbers}, "quotes": quotes}


def ended(claims: Sequence[Event] = (), reason: str | None = None, **more: Any) -> Event:
    """The answer whole, with all that was claimed."""
    whole = {
        "index": "main",
        "release": 7,
        "claims": [one["claim"] for _, one in claims],
        "quotes": [each for _, one in claims for each in one["quotes"]],
        "generator": "extractive" if reason is None else None,
        "refused": reason is not None,
        "reason": reason,
        "dropped": {},
        "broken_off": None,
        "interaction": "i1",
    }
    return "ended", {**whole, **more}


def ask(tab: Page, question: str) -> None:
    tab.get_by_label("Your question").fill(question)
    tab.keyboard.press("Enter")
