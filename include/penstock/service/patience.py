"""Stores are asked in threads, which nobody can stop: whoever asks often must not leave one behind each time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")

WAIT_S = 5.0
"""More than a catalog that another process has locked may take (``READERS_WAIT_S``, twice)."""


class InOneThread(Generic[T]):
    """What one thread at a time finds out, however many ask: they share what it finds.

    A store that hangs thus takes one thread, and not one for each who asks.
    """

    def __init__(self, find_out: Callable[[], T]) -> None:
        self._find_out = find_out
        self._under_way: asyncio.Future[T] | None = None
        self._began_at = 0.0

    async def result(self) -> T:
        """What it finds, or raises. ``TimeoutError`` once it has been under way for ``WAIT_S``: it goes on."""
        if self._under_way is None or self._under_way.done():
            self._began_at = time.monotonic()
            self._under_way = asyncio.ensure_future(run_in_threadpool(self._find_out))
            self._under_way.add_done_callback(_heard)
        under_way = self._under_way
        await asyncio.wait({under_way}, timeout=max(0.0, self._began_at + WAIT_S - time.monotonic()))
        if not under_way.done():
            raise TimeoutError
        return under_way.result()


def _heard(done: asyncio.Future[T]) -> None:
    """Nobody may be waiting any more for what it raises."""
    if not done.cancelled():
        done.exception()
