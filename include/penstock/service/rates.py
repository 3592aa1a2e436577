"""How often a caller may ask: so many requests in any minute. Kept in memory, by each process for itself."""

from __future__ import annotations

import ipaddress
import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import Scope

MAX_IDLE = 10_000
"""Callers who are remembered though they asked nothing for a minute: the library forgets none by itself."""


class Rates:
    """Counts requests; ``per_minute`` of 0 lets all of them through."""

    def __init__(self, per_minute: int) -> None:
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def hit(self, who: str) -> int:
        """Count one request; the seconds after which another is let through where this one is not, else 0."""
        if self._item is None:
            return 0
        if len(self._storage.events) > MAX_IDLE:
            self._forget_idle()
        if self._limiter.hit(self._item, who):
            return 0
        free_at = self._limiter.get_window_stats(self._item, who).reset_time
        return max(1, math.ceil(free_at - time.time()))

    def _forget_idle(self) -> None:
        for key in [key for key, asked in list(self._storage.events.items()) if not asked]:
            self._storage.clear(key)


def address_of(scope: Scope) -> str:
    """Where a request comes from. Of IPv6 it is the network: its hosts are as many as somebody likes.

    >>> [address_of({"client": (host, 1)}) for host in ("192.0.2.7", "::ffff:192.0.2.7", "2001:db8::7")]
    ['address 192.0.2.7', 'address 192.0.2.7', 'address 2001:db8::/64']
    """
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return f"address {host}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return f"address {ipaddress.ip_network((address, 64), strict=False)}"
        address = address.ipv4_mapped
    return f"address {address}"
