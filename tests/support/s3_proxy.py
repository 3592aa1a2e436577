"""A proxy in front of a real S3 API server that misbehaves by a script, request by request.

A fault is handed the request and a way to forward it, and returns the answer to send. ``play`` says for which requests
and how often it holds; what no fault is played for is forwarded as it came.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

NOT_FORWARDED = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_listing(self) -> bool:
        return "list-type" in parse_qs(urlsplit(self.path).query)

    @property
    def key(self) -> str:
        """The object's key, with its bucket before it."""
        return unquote(urlsplit(self.path).path.lstrip("/"))


@dataclass(frozen=True)
class Answer:
    """``sent`` is what is sent of ``body`` before the connection is closed; ``None``: all of it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    sent: int | None = None
    pause_s: float = 0.0
    """Waited before the second half of the body."""


class BrokenOff(Exception):  # noqa: N818 (it is an answer, of a kind)
    """Close the connection without a word."""


Forward = Callable[[Request], Answer]
Fault = Callable[[Request, Forward], Answer]


@dataclass
class Rule:
    fault: Fault
    matches: Callable[[Request], bool]
    times: int | None
    after: int
    seen: int = 0
    played: int = field(default=0)

    def takes(self, request: Request) -> bool:
        """Whether the fault is played for this request; counts it."""
        if not self.matches(request):
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.played >= self.times):
            return False
        self.played += 1
        return True


class S3Proxy:
    """Forwards to ``upstream`` (``http://host:port``) and plays faults. ``url`` is where it answers."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.url = ""

    def play(
        self,
        fault: Fault,
        method: str = "",
        key: str = "",
        listing: bool = False,
        times: int | None = None,
        after: int = 0,
    ) -> Rule:
        """Play ``fault`` for requests of this method whose key contains ``key``, or for listings.

        ``after`` so many of them were let through, and so many ``times`` (``None``: from then on). ``played`` of the
        rule that is returned says how often it was: a test that played nothing shows nothing.
        """

        def matches(request: Request) -> bool:
            return request.is_listing == listing and request.method.startswith(method) and key in request.key

        return self._add(Rule(fault, matches, times, after))

    def play_all(self, fault: Fault, after: int = 0, times: int | None = None) -> Rule:
        """Play ``fault`` for every request."""
        return self._add(Rule(fault, lambda _: True, times, after))

    def behave(self) -> None:
        """Forget every fault."""
        with self._lock:
            self._rules.clear()
            self.requests.clear()

    def answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            rule = next((rule for rule in self._rules if rule.takes(request)), None)
        return rule.fault(request, self._forward) if rule else self._forward(request)

    def _add(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    def _forward(self, request: Request) -> Answer:
        upstream = HTTPConnection(self._upstream, timeout=30)
        try:
            upstream.request(request.method, request.path, request.body or None, dict(request.headers))
            answer = upstream.getresponse()
            body = answer.read()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in NOT_FORWARDED}
            if request.method == "HEAD":  # the length of what a GET would send
                headers["Content-Length"] = answer.getheader("Content-Length", "0")
            return Answer(answer.status, headers, body)
        finally:
            upstream.close()


@contextmanager
def s3_proxy(upstream: str) -> Iterator[S3Proxy]:
    proxy = S3Proxy(upstream)
    with serving(proxy) as proxy.url:
        yield proxy


class Answering(Protocol):
    def answer(self, request: Request) -> Answer: ...


@contextmanager
def serving(server: Answering, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Have ``server`` answer on loopback; yields its URL."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(server))
    if tls is not None:
        http.socket = tls.wrap_socket(http.socket, server_side=True)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def handler(server: Answering) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                headers = {name.lower(): value for name, value in self.headers.items()}
                answer = server.answer(Request(self.command, self.path, headers, body))
            except BrokenOff:
                self.close_connection = True
                return
            with suppress(ConnectionError):  # the client has read enough
                self._send(answer)

        do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

        def _send(self, answer: Answer) -> None:
            sent = answer.body if answer.sent is None else answer.body[: answer.sent]
            self.send_response(answer.status)
            for name, value in {
                "Content-Length": str(len(answer.body)),
                "Connection": "close",
                **answer.headers,
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            if self.command == "HEAD":
                return
            half = len(sent) // 2 if answer.pause_s else len(sent)
            self.wfile.write(sent[:half])
            self.wfile.flush()
            time.sleep(answer.pause_s)
            self.wfile.write(sent[half:])

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


# The faults


def refused(status: int, code: str = "") -> Fault:
    """S3's error ``code``; without one, a bare status, as something that stands before S3 would send it."""
    body = f"<Error><Code>{code}</Code><Message>as the script says</Message></Error>".encode() if code else b""
    return lambda _request, _forward: Answer(status, {"Content-Type": "application/xml"}, body)


def broken_off(_request: Request, _forward: Forward) -> Answer:
    """Nothing is carried out, nothing is answered."""
    raise BrokenOff


def answer_lost(request: Request, forward: Forward) -> Answer:
    """The request is carried out, and its answer gets lost."""
    forward(request)
    raise BrokenOff


def cut_short(request: Request, forward: Forward) -> Answer:
    """The body ends in the middle of what its length promises."""
    answer = forward(request)
    return replace(answer, sent=len(answer.body) // 2)


def shortened(request: Request, forward: Forward) -> Answer:
    """The body is cut, and its length says that this is all."""
    answer = forward(request)
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def altered(request: Request, forward: Forward) -> Answer:
    """One byte of the body is another, so that it is not what its ETag says."""
    answer = forward(request)
    return replace(answer, body=answer.body[:-1] + bytes([answer.body[-1] ^ 1]))


def wrong_etag(request: Request, forward: Forward) -> Answer:
    answer = forward(request)
    headers = {name: value for name, value in answer.headers.items() if name.lower() != "etag"}
    return replace(answer, headers=headers | {"ETag": '"5d41402abc4b2a76b9719d911017c592"'})


def slow(seconds: float) -> Fault:
    """Half of the body comes, and the other half so many seconds later."""
    return lambda request, forward: replace(forward(request), pause_s=seconds)


def first(action: Callable[[], Any]) -> Fault:
    """Something happens to the bucket just before the request arrives."""

    def fault(request: Request, forward: Forward) -> Answer:
        action()
        return forward(request)

    return fault


def clock_ahead(seconds: float, allowed_s: float = 900.0) -> Fault:
    """The server's clock stands ``seconds`` before the one that signed, and the server minds, as S3 does."""

    def fault(request: Request, forward: Forward) -> Answer:
        signed = datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs(time.time() + seconds - signed.timestamp()) > allowed_s:
            return refused(403, "RequestTimeTooSkewed")(request, forward)
        return forward(request)

    return fault


def same_page_again() -> Fault:
    """Whatever page is asked for, the first one that this saw comes again, with the same token for the next."""
    pages: list[Answer] = []

    def fault(request: Request, forward: Forward) -> Answer:
        if not pages:
            pages.append(forward(request))
        return pages[0]

    return fault


def empty_listing(_request: Request, _forward: Forward) -> Answer:
    body = b"<ListBucketResult><Name>b</Name><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
    return Answer(200, {"Content-Type": "application/xml"}, body)
