"""Connections that lead to public addresses only.

What counts is the address of the far end of the connection that was made, before a byte is sent over it, also of TLS: a
name that resolves to something else when it is looked up again (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from penstock.sources.http.errors import HttpError

NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All of IPv6 that has been given out (RFC 4291, 2.4): the rest is local, retired, or translated by the next router."""


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
        if inner is None and ip not in GLOBAL_UNICAST:
            return False
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


class PublicOnlyAdapter(HTTPAdapter):
    """Refuses each connection whose far end is not public, whatever name it was reached by."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


class _PublicOnly(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        address = sock.getpeername()[0]
        if not is_public(address):
            sock.close()
            raise HttpError(
                f"{self.host} is at {address}, which is a private address",
                "set allow_private_addresses = true in the source, if it is meant to be asked",
            )
        return sock


class _PublicOnlyTls(_PublicOnly, HTTPSConnection):
    """urllib3 wraps in TLS what ``_new_conn`` returns."""


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _PublicOnly


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _PublicOnlyTls
