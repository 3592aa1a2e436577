"""How long to wait before the next request: within a source's own rate, and as long as a server asks."""

from __future__ import annotations

import threading
import time

from tenacity import RetryCallState, wait_exponential_jitter

from penstock.retry_after import spread_s
from penstock.sources.http.errors import HttpError


class Turns:
    """Lets threads pass one by one, ``interval_s`` apart."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self.interval_s
        time.sleep(turn - now)


_jittered = wait_exponential_jitter(multiplier=0.5, max=30.0)


def pause_s(state: RetryCallState) -> float:
    """Seconds to wait before the next try: never less than the server asked for."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_s if isinstance(error, HttpError) else None
    return _jittered(state) if asked is None else spread_s(asked)
