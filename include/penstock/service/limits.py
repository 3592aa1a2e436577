"""What one process takes on: how much is sent, how often one caller asks, how many at once, for how long.

Around everything below ``/v1``. Who calls is found out here, since limits are a caller's; endpoints find it as
``request.state.caller``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import anyio
import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.credentials import ANONYMOUS, Caller, identify
from penstock.errors import CredentialError, PenstockError
from penstock.platform import Platform
from penstock.service import problems
from penstock.service.problems import Kind, ProblemResponse
from penstock.service.rates import Rates, address_of
from penstock.wording import count

log = structlog.get_logger("penstock")

TOO_LARGE = Kind("too-large", 413, "The request is too large")
TOO_SLOW = Kind("too-slow", 408, "The request did not come in time")
TOO_OFTEN = Kind("too-often", 429, "Too many requests")
BUSY = Kind("busy", 503, "The service is busy")
OUT_OF_TIME = Kind("out-of-time", 504, "The request was not done in time")
BODY_S = 20.0
"""A body that takes longer to come is not waited for; until it is whole, it takes nobody's place."""
LET_PASS_BYTES = 1 << 20
"""Of what is too much so many bytes are read and dropped: a client that is still sending would not see the answer."""
BUSY_AGAIN_S = 1
GOVERNED = "/v1/"


class ClientLeft(Exception):  # noqa: N818 - nothing went wrong
    """Before its request was whole."""


class RefusedRequest(Exception):  # noqa: N818 - it is an answer
    """What is answered in place of the endpoint."""

    def __init__(self, kind: Kind, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.kind, self.detail, self.headers = kind, detail, headers


class Limits:
    """ASGI middleware; ``Watch`` is outside of it and sees what it refuses."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app, self._platform = app, platform
        self._settings = platform.settings.service.limits
        self._rates = Rates(self._settings.requests_per_minute)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(GOVERNED):
            await self._app(scope, receive, send)
            return
        instance = scope["state"]["instance"]
        try:
            body = await _whole_body(scope, receive, self._settings.body_bytes)
            await self._within_time(scope, _once(body, receive), send)
        except RefusedRequest as refused:
            said = problems.problem(refused.kind, refused.detail, instance)
            await ProblemResponse(said, refused.headers)(scope, receive, send)
        except PenstockError as error:
            await problems.response(error, instance)(scope, receive, send)
        except ClientLeft:
            return

    async def _within_time(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the request worked on in a task of its own, and go on without it when its time is up.

        A thread cannot be stopped: its request stays under way until it ends, and nobody hears what it says by then.
        """
        if self._under_way >= self._settings.at_once:
            detail = f"it works on {count(self._under_way, 'request')} already; come again in a moment"
            raise RefusedRequest(BUSY, detail, {"Retry-After": str(BUSY_AGAIN_S)})
        sender, given_up = _Sender(send), anyio.CancelScope()  # unlike a task's, its cancelling waits for threads
        self._under_way += 1
        task = asyncio.create_task(self._admitted(scope, receive, sender, given_up))
        task.add_done_callback(self._left)
        try:
            await asyncio.wait({task}, timeout=self._settings.timeout_s)
        except asyncio.CancelledError:  # ``service.stop_s`` is over
            if sender.began:
                raise
            detail = "it is being stopped, and this took longer than it waits; ask again"
            raise RefusedRequest(BUSY, detail, {"Retry-After": str(BUSY_AGAIN_S)}) from None
        finally:
            if not task.done():
                sender.closed = True
                given_up.cancel()
        if task.done():
            task.result()
        elif (
            not sender.began
        ):  # else its end is missing: the connection is closed, and the reader sees that it broke off
            detail = f"it took more than {self._settings.timeout_s:g} s; ask for less, or again later"
            raise RefusedRequest(OUT_OF_TIME, detail)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        if not task.cancelled():
            task.exception()  # whoever waited for it is told; of one that was given up nobody is

    async def _admitted(self, scope: Scope, receive: Receive, send: Send, given_up: anyio.CancelScope) -> None:
        with given_up:
            caller = await self._caller(scope)
            self._count(address_of(scope) if caller.name == ANONYMOUS else caller.name)
            scope["state"]["caller"] = caller
            scope["state"]["notes"]["caller"] = caller.name
            await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        """Who calls. One that is refused counts against its address: secrets are not guessed at the speed of a line."""
        written = Headers(scope=scope).get("authorization")
        try:
            if written is None:
                return identify(self._platform, None)  # asks no store
            return await run_in_threadpool(identify, self._platform, written)
        except CredentialError:
            self._count(f"refused {address_of(scope)}")
            raise

    def _count(self, who: str) -> None:
        wait_s = self._rates.hit(who)
        if wait_s:
            most = self._settings.requests_per_minute
            detail = f"more than {count(most, 'request')} in a minute; come again in {wait_s} s"
            raise RefusedRequest(TOO_OFTEN, detail, {"Retry-After": str(wait_s)})


class _Sender:
    """Hands on what the endpoint says until it is closed."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.began = self.closed = False

    async def __call__(self, message: Message) -> None:
        if not self.closed:
            self.began = True
            await self._send(message)


async def _whole_body(scope: Scope, receive: Receive, most: int) -> bytes:
    """The body, which is of few bytes. Raises ``RefusedRequest`` where it is not, whether it says so or not."""
    refused = RefusedRequest(TOO_LARGE, f"a request may have {most:,} bytes; send less")
    if int(Headers(scope=scope).get("content-length", "0")) > most + LET_PASS_BYTES:
        raise refused
    body, size = bytearray(), 0
    try:
        async with asyncio.timeout(BODY_S):
            while size <= most + LET_PASS_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeft
                size += len(message.get("body", b""))
                if size <= most:
                    body += message.get("body", b"")
                if not message.get("more_body"):
                    break
    except TimeoutError:
        raise RefusedRequest(TOO_SLOW, f"its body did not come within {BODY_S:g} s; send it at once") from None
    if size > most:
        raise refused
    return bytes(body)


def _once(body: bytes, receive: Receive) -> Receive:
    """``receive`` as if the body were still to come."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
