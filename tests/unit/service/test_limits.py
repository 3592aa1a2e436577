"""What one process takes on, over a small application: each limit is met, and what is refused is said to be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from penstock.credential_settings import LimitSettings
from penstock.platform import Platform
from penstock.service.limits import Limits
from penstock.service.rates import MAX_IDLE, Rates
from penstock.service.streaming import EventStream
from penstock.service_settings import ServiceSettings
from penstock.settings import Settings

Ask = Callable[..., Awaitable[httpx.Response]]
GIVE_UP_S = 30
"""For what must happen; a test that waits for so long has failed."""


class Bench:
    """An application behind limits. ``/v1/wait`` works in a thread until ``go`` is set."""

    def __init__(self, **limits: Any) -> None:
        platform = Platform(Settings(service=ServiceSettings(limits=LimitSettings(**limits))))
        routes = [
            Route("/v1/echo", self.echo, methods=["POST", "GET"]),
            Route("/v1/wait", self.wait),
            Route("/v1/stream", lambda _request: EventStream(self.stream())),
            Route("/healthz", self.echo),
        ]
        self.limits = Limits(Starlette(routes=routes), platform)
        self.go, self.waiting, self.ended = threading.Event(), threading.Semaphore(0), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"instance": "urn:uuid:0", "notes": {}}
        await self.limits(scope, receive, send)

    @staticmethod
    async def echo(request: Request) -> Response:
        return JSONResponse({"bytes": len(await request.body())})

    def wait(self, _request: Request) -> Response:
        self.waiting.release()
        assert self.go.wait(GIVE_UP_S)
        self.ended.set()
        return JSONResponse({})

    def stream(self) -> Generator[bytes]:
        try:
            yield b"one"
            assert self.go.wait(GIVE_UP_S)
            yield b"two"
        finally:
            self.ended.set()

    def ask(self, story: Callable[[Ask], Awaitable[None]], address: str = "192.0.2.1") -> None:
        async def tell() -> None:
            transport = httpx.ASGITransport(self, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
                await story(client.request)

        asyncio.run(tell())

    async def begun(self, requests: int) -> None:
        for _ in range(requests):
            assert await asyncio.to_thread(self.waiting.acquire, timeout=GIVE_UP_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(body_bytes=1024, at_once=2, timeout_s=GIVE_UP_S)
    yield made
    made.go.set()


def problem(response: httpx.Response) -> tuple[int, str, str]:
    said = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert said["status"] == response.status_code
    return response.status_code, said["type"].rpartition(":")[2], said["detail"]


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 512):
        yield b"x" * 512


def test_a_body_may_be_so_large_whether_it_says_its_length_or_not(bench: Bench) -> None:
    async def story(ask: Ask) -> None:
        too_large = (413, "too-large", "a request may have 1,024 bytes; send less")
        for size in (0, 512, 1024):
            assert (await ask("POST", "/v1/echo", content=b"x" * size)).json() == {"bytes": size}
            assert (await ask("POST", "/v1/echo", content=in_pieces(size))).json() == {"bytes": size}
        assert problem(await ask("POST", "/v1/echo", content=b"x" * 1025)) == too_large
        assert problem(await ask("POST", "/v1/echo", content=in_pieces(1536))) == too_large
        assert problem(await ask("POST", "/v1/echo", content=b"", headers={"content-length": "9" * 20})) == too_large

    bench.ask(story)


def test_so_many_are_worked_on_at_once(bench: Bench) -> None:
    async def story(ask: Ask) -> None:
        working = [asyncio.create_task(ask("GET", "/v1/wait")) for _ in range(2)]
        await bench.begun(2)
        refused = await ask("GET", "/v1/echo")
        assert problem(refused) == (503, "busy", "it works on 2 requests already; come again in a moment")
        assert refused.headers["retry-after"] == "1"
        assert (await ask("GET", "/healthz")).status_code == 200
        bench.go.set()
        assert [one.status_code for one in await asyncio.gather(*working)] == [200, 200]
        assert (await ask("GET", "/v1/echo")).status_code == 200

    bench.ask(story)


def test_what_is_not_done_in_time_is_under_way_until_its_thread_ends() -> None:
    bench = Bench(at_once=1, timeout_s=0.2)

    async def story(ask: Ask) -> None:
        late = await ask("GET", "/v1/wait")
        assert problem(late) == (504, "out-of-time", "it took more than 0.2 s; ask for less, or again later")
        assert not bench.ended.is_set()
        for _ in range(3):
            assert problem(await ask("GET", "/v1/echo"))[:2] == (503, "busy")
        bench.go.set()
        assert await asyncio.to_thread(bench.ended.wait, GIVE_UP_S)
        while (await ask("GET", "/v1/echo")).status_code != 200:  # its thread ends beside us
            await asyncio.sleep(0.01)

    bench.ask(story)


def test_a_stream_whose_time_is_up_breaks_off_and_is_closed() -> None:
    """Its status was sent long ago: what says that it is not whole is that its end is missing."""
    bench, messages = Bench(at_once=1, timeout_s=0.2), []

    async def tell() -> None:
        request = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            return next(request, None) or await asyncio.Event().wait()

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {"type": "http", "method": "GET", "path": "/v1/stream", "headers": [], "query_string": b""}
        await bench({**scope, "client": ("192.0.2.1", 1)}, receive, send)
        assert not bench.ended.is_set()
        bench.go.set()
        assert await asyncio.to_thread(bench.ended.wait, GIVE_UP_S)

    asyncio.run(tell())
    assert [one.get("status") or (one["body"], one["more_body"]) for one in messages] == [200, (b"one", True)]


def test_an_address_asks_so_often_in_a_minute() -> None:
    bench = Bench(requests_per_minute=3)

    async def three(ask: Ask) -> None:
        assert [(await ask("GET", "/v1/echo")).status_code for _ in range(3)] == [200, 200, 200]

    async def a_fourth(ask: Ask) -> None:
        refused = await ask("GET", "/v1/echo")
        wait_s = int(refused.headers["retry-after"])
        assert 0 < wait_s <= 60
        detail = f"more than 3 requests in a minute; come again in {wait_s} s"
        assert problem(refused) == (429, "too-often", detail)
        assert (await ask("GET", "/healthz")).status_code == 200

    bench.ask(three)
    bench.ask(a_fourth)
    bench.ask(three, "192.0.2.2")
    bench.ask(three, "2001:db8::1")
    bench.ask(a_fourth, "2001:db8::2")
    bench.ask(three, "2001:db8:0:1::1")


def test_whoever_guesses_secrets_is_slowed_down_as_who_he_is() -> None:
    bench = Bench(requests_per_minute=3)

    async def guess(ask: Ask) -> None:
        guesses = [await ask("GET", "/v1/echo", headers={"Authorization": f"Basic {n}"}) for n in range(5)]
        assert [one.status_code for one in guesses] == [401, 401, 401, 429, 429]
        assert guesses[0].headers["www-authenticate"] == "Bearer"
        assert [(await ask("GET", "/v1/echo")).status_code for _ in range(3)] == [200, 200, 200]

    bench.ask(guess)


def test_no_limit_of_the_rate_is_none() -> None:
    rates = Rates(0)
    assert {rates.hit("a") for _ in range(1000)} == {0}


def test_callers_who_stay_away_are_forgotten() -> None:
    """The library keeps an empty list for everybody who ever came."""
    rates = Rates(5)
    for n in range(MAX_IDLE + 1):
        rates._storage.events[f"address {n}"] = []
    assert rates.hit("a") == 0
    assert len(rates._storage.events) == 1
