"""``penstock serve``: the service on a socket, until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
import uvloop

from penstock import logs
from penstock.errors import UsageError
from penstock.platform import Platform
from penstock.service.app import create_app

LEAVE_S = 3.0
"""For closing what is open, once nothing is under way any more."""


def serve(platform: Platform, host: str, port: int, listening: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT: then what is under way ends, and nothing new is taken.

    ``listening`` is told the address once it can be asked. Raises ``UsageError`` where the port cannot be had.
    """
    # LanceDB's loop, which it starts when it is imported, is to be like the server's: 8 % of the time of eight searches
    # at once. In this process alone, since such a loop does not outlive a fork.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # uvicorn stops by itself, then raises the signal again for whoever had asked for it: end as one who was told to
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, _end)
    with listen(host, port) as bound:

        def started() -> None:
            gc.collect()
            gc.freeze()  # a full collection walks through no module any more: 0.17 s in which nobody was answered
            listening(address(bound))

        server(platform, started).run(sockets=[bound])


def _end(*_: object) -> None:
    """Exit, whatever the threads of requests that were given up still wait for: a store may never answer them."""
    last = threading.Timer(LEAVE_S, os._exit, (0,))
    last.daemon = True
    last.start()
    sys.exit(0)


def listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"{host} port {port} cannot be listened on: {error.strerror}; name others by --host and --port"
        ) from None


def address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def server(platform: Platform, started: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The service as a server that listens nowhere yet."""
    logs.take_over("uvicorn")
    config = uvicorn.Config(
        create_app(platform),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(platform.settings.service.stop_s),
    )
    return _Server(config, started)


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell = started

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        self._tell()
