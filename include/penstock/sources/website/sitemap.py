"""Sitemaps (sitemaps.org/protocol.html): lists of pages, lists of such lists, plain or as gzip files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]
from requests import Request

from penstock.keys import ATTACHMENT
from penstock.sources.http.errors import HttpError, where
from penstock.sources.http.gzipped import MAGIC, unpacked
from penstock.sources.http.session import PoliteSession

MAX_BYTES = 50 * 2**20
"""Of one sitemap, unpacked: the protocol's own limit."""
MAX_DEPTH = 3
MAX_SITEMAPS = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A page as a sitemap names it, also where its ``url`` is none; ``lastmod`` as it is written there, or empty."""

    url: str
    lastmod: str


def entries(session: PoliteSession, url: str) -> Iterator[Entry]:
    """Every page of a sitemap and of the sitemaps that it names. Raises ``HttpError`` where one cannot be read."""
    pending = [(url, 1)]
    asked: set[str] = set()
    while pending:
        at, depth = pending.pop()
        if at in asked:
            continue
        asked.add(at)
        if depth > MAX_DEPTH or len(asked) > MAX_SITEMAPS:
            raise HttpError(f"{where(url)} names sitemaps without end", "name one of those that hold pages")
        data = session.send(session.prepare_request(Request("GET", at))).content
        root = _parsed(at, unpacked(at, data, MAX_BYTES) if data.startswith(MAGIC) else data)
        if etree.QName(root).localname == "sitemapindex":
            pending += [(entry.url, depth + 1) for entry in _children(root, "sitemap")]
        else:
            yield from _children(root, "url")


def _parsed(url: str, data: bytes) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or etree.QName(root).localname not in ("urlset", "sitemapindex"):
        raise HttpError(f"{where(url)} is no sitemap, or not the whole of one", "check the source's sitemap")
    return root


def _children(root: etree._Element, name: str) -> Iterator[Entry]:
    for child in root.iterfind(f"{{*}}{name}"):
        url = (child.findtext("{*}loc") or "").strip().partition("#")[0]
        url = url.replace(ATTACHMENT, "%21/")  # the same address, and no key of something inside a document
        if url:
            yield Entry(url, (child.findtext("{*}lastmod") or "").strip())
