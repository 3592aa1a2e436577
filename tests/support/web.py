"""Servers of tests on loopback: one that answers by path, and a JSON API that pages in every usual way."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from penstock.parsing import ParserPool
from penstock.settings import ParserSettings, Settings
from support.s3_proxy import Answer, Fault, Request, Rule, serving
from support.workspace import Workspace

Route = Callable[[Request], Answer]
MISSING = Answer(404, {"Content-Type": "text/plain"}, b"nothing here")


class WebServer:
    """Answers by path, with an ETag of the body unless the answer brings one, and plays faults; see ``serve``."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[Request] = []
        self.url = ""
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    @classmethod
    @contextmanager
    def serve(cls) -> Iterator[Self]:
        server = cls()
        with serving(server) as server.url:
            yield server

    def put(self, path: str, body: str | bytes, media_type: str = "text/html", **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.routes[path] = lambda _request: Answer(200, {"Content-Type": media_type, **named}, data)

    def play(self, fault: Fault, path: str = "", times: int | None = None, after: int = 0) -> Rule:
        """Play ``fault`` for requests whose path contains ``path``; see ``S3Proxy.play``."""
        rule = Rule(fault, lambda request: path in request.path, times, after)
        with self._lock:
            self._rules.append(rule)
        return rule

    def behave(self) -> None:
        """Forget every fault and every request."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()

    def asked(self, path: str = "") -> list[str]:
        """The paths, with their queries, that were asked for since ``behave``."""
        return [request.path for request in self.requests if path in request.path]

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            rule = next((rule for rule in self._rules if rule.takes(request)), None)
        return rule.fault(request, self._plain) if rule else self._plain(request)

    def _plain(self, request: Request) -> Answer:
        answer = self.routes.get(urlsplit(request.path).path, lambda _: MISSING)(request)
        if answer.status != 200 or answer.headers.get("ETag") == "":
            return answer
        etag = answer.headers.get("ETag") or f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == etag:
            return Answer(304, {"ETag": etag}, b"")
        return replace(answer, headers={**answer.headers, "ETag": etag})


class JsonApi(WebServer):
    """Records with a key ``id``, listed at ``/records`` in pages of ``size``, in the ``style`` that is set."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}
        self.style = "link"
        self.size = 3
        self.allowed: Callable[[Request], bool] = lambda _request: True
        self.routes["/records"] = self._list

    def write(self, id_: str, body: str, at: str = "2026-03-01T00:00:00Z", **more: Any) -> None:
        old = self.records.get(id_, {})
        self.records[id_] = {**old, "id": id_, "title": f"Record {id_}", "body": body, "updated_at": at, **more}

    def listed(self) -> int:
        return len(self.asked("/records"))

    def _list(self, request: Request) -> Answer:
        if not self.allowed(request):
            return Answer(401, {}, b"who are you")
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        found = sorted(self.records.values(), key=lambda one: (one["updated_at"], one["id"]))
        found = [one for one in found if one["updated_at"] >= query.get("since", "")]
        start = self._start(query)
        page, more = found[start : start + self.size], start + self.size < len(found)
        headers = {"Content-Type": "application/json"}
        body: Any = {"items": page, "count": len(found), "pages": -(-len(found) // self.size), "next": None}
        if more and self.style == "cursor":
            body["next"] = f"c{start + self.size}"
        if more and self.style == "next_url":
            body["next"] = self._address(request, start + self.size)
        if more and self.style == "link":
            headers["Link"] = f'<{self.url}{self._address(request, start + self.size)}>; rel="next"'
        return Answer(200, headers, json.dumps(body).encode())

    def _start(self, query: Mapping[str, str]) -> int:
        if self.style == "page":
            return (int(query.get("page", 1)) - 1) * self.size
        return int(query.get("at", "0").removeprefix("c"))

    def _address(self, request: Request, start: int) -> str:
        query = dict(parse_qsl(urlsplit(request.path).query)) | {"at": str(start)}
        return f"/records?{urlencode(query)}"


class WebWorkspace(Workspace):
    """A small installation whose one source is ``source``, as the configuration would write it."""

    def __init__(
        self,
        root: Path,
        pools: dict[ParserSettings, ParserPool],
        source: Mapping[str, Any],
        gates: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(root, pools, gates=gates)
        self.configure(source)

    def configure(self, source: Mapping[str, Any]) -> None:
        """Today's configuration of the source, opened anew."""
        docs = Settings(sources={"docs": source}).sources["docs"]
        self.settings = self.settings.model_copy(update={"sources": {"docs": docs}})
        self.platform = self.open()
