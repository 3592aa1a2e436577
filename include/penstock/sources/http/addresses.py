"""Connections that lead to public addresses only.

What counts is the address of the far end of the connection that was made, before a byte of the request is sent: a name
that resolves to something else when it is looked up again (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from penstock.sources.http.errors import HttpError

NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is one that the whole internet reaches; IPv4 inside IPv6 is looked at as what it is.

    >>> [is_public(one) for one in ("8.8.8.8", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "64:ff9b::a00:1")]
    [True, False, False, False, False]
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


class PublicOnlyAdapter(HTTPAdapter):
    """Refuses each connection whose far end is not public, whatever name it was reached by."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class _Http(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _Https(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _require_public(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


def _require_public(connection: HTTPConnection) -> None:
    address = connection.sock.getpeername()[0]
    if not is_public(address):
        connection.close()
        raise HttpError(
            f"{connection.host} is at {address}, which is a private address",
            "set allow_private_addresses = true in the source, if it is meant to be asked",
        )
