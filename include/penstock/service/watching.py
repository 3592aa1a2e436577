"""Around every request: an id, headers that browsers go by, a line in the log, figures, and a floor under surprises."""

from __future__ import annotations

import time
import uuid
from typing import Any

import structlog
from starlette.datastructures import MutableHeaders
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.service import problems
from penstock.service.metrics import Metrics

log = structlog.get_logger("penstock")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
QUIET = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines: counted, and not written down."""


class Watch:
    """ASGI middleware. ``scope["state"]`` holds ``instance``, and in ``notes`` what an endpoint leaves for the log."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state |= {"instance": f"urn:uuid:{uuid.uuid4()}", "notes": {}}
        began, status = time.perf_counter(), 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        with self._metrics.under_way.track_inprogress():
            try:
                await self._app(scope, receive, sent)
            except Exception as error:  # noqa: BLE001 - whatever it is, its words may be a reader's: none goes out
                answer = problems.response(error, state["instance"])
                if status == 0:
                    await answer(scope, receive, sent)
        seconds, route = time.perf_counter() - began, route_of(scope)
        self._metrics.asked(route, scope["method"], status, seconds)
        if route not in QUIET:
            self._write_down(scope, route, status, seconds, state)

    def _write_down(self, scope: Scope, route: str, status: int, seconds: float, state: dict[str, Any]) -> None:
        log.info(
            "request",
            method=scope["method"],
            route=route,
            status=status,
            ms=round(1000 * seconds, 1),
            instance=state["instance"],
            **state["notes"],
        )


def route_of(scope: Scope) -> str:
    """The path as it is described, so that there are few; none where nothing answers to it.

    What the limits refused came to no route: there it is the one that it was meant for.
    """
    meant = (one for one in scope["app"].routes if one.matches(scope)[0] is Match.FULL)
    return getattr(scope.get("route") or next(meant, None), "path", None) or "(none)"
