"""A website as a source: the pages that its sitemap names, as far as its robots.txt allows. A key is a page's address.

A page whose ``lastmod`` stands is not asked for. One without it is asked for with the ETag or the date that it came
with, and an answer of 304 says that it stands. What is no page in the end (gone, of another type) is said of it alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from requests import Request, Response

from penstock.http_settings import WebsiteSource
from penstock.ids import sha256
from penstock.records import Fetched, Reason, Refusal, SourceObject
from penstock.sources import access
from penstock.sources.base import NOTHING_BEFORE, Before, Reading, TooLargeError
from penstock.sources.globs import Globs
from penstock.sources.http.errors import HttpError, TooLargeAnswerError, parts_of
from penstock.sources.http.session import NOT_MODIFIED, PoliteSession
from penstock.sources.website.robots import Robots
from penstock.sources.website.sitemap import Entry, entries

UNREAD = "unread"
"""The hint of a page that could not be read while it was listed: it is fetched, and then says why."""
CONDITIONS = {"etag": "If-None-Match", "modified": "If-Modified-Since"}


class WebsitePages:
    """Lists and reads the pages of one website; see ``Source``. ``fetch`` may be called from several threads."""

    def __init__(self, name: str, settings: WebsiteSource) -> None:
        self.name = name
        self._settings = settings
        self._session = PoliteSession(settings, settings.sitemap, settings.hosts)
        self._session.headers["User-Agent"] = settings.user_agent
        self._globs = Globs(name, settings.include, settings.exclude)
        self._rules = access.Rules(name, settings.access)

    def list(self) -> Iterator[SourceObject]:
        return iter(self.read(NOTHING_BEFORE).objects)

    def read(self, before: Before) -> Reading:
        return Reading(self._objects(before))

    def fetch(self, item: SourceObject) -> Fetched:
        try:
            answer = self._ask(item.key)
            self._require_a_page(answer)
        except TooLargeAnswerError as error:
            raise TooLargeError(self.name, item.key, error.size_bytes, self._settings.max_bytes) from None
        except HttpError as error:
            raise error.of_document(f"source {self.name!r}") from None  # the error names the page
        return Fetched(answer.content)

    def _objects(self, before: Before) -> Iterator[SourceObject]:
        robots = Robots(self._session, self._settings.user_agent)
        seen: set[str] = set()
        try:
            for entry in entries(self._session, self._settings.sitemap):
                parts = parts_of(entry.url)
                if entry.url in seen or (parts and not self._globs.takes(parts.path.lstrip("/"))):
                    continue
                seen.add(entry.url)
                if len(seen) > self._settings.max_pages:
                    raise HttpError(
                        f"the sitemap names more than {self._settings.max_pages:,} pages", "raise max_pages"
                    )
                if not self._session.may_ask(entry.url):
                    yield self._elsewhere(entry)
                elif robots.allows(entry.url):
                    yield self._page(entry, before)
        except HttpError as error:
            raise error.of_listing(self.name) from None

    def _elsewhere(self, entry: Entry) -> SourceObject:
        parts = parts_of(entry.url)
        if parts is None or parts.scheme not in ("http", "https"):
            problem = Refusal(Reason.SOURCE_ERROR, "its address is none of the web", "mend it in the sitemap")
        else:
            remedy = f"add {parts.netloc!r} to sources.{self.name}.hosts, or exclude it"
            problem = Refusal(Reason.SOURCE_ERROR, f"the page lies on another host, {parts.netloc}", remedy)
        return SourceObject(entry.url, 0, "elsewhere", problem=problem)

    def _page(self, entry: Entry, before: Before) -> SourceObject:
        principals = self._rules.principals(entry.url)
        if entry.lastmod and self._settings.trust_lastmod:
            return SourceObject(entry.url, 0, f"lastmod {entry.lastmod}", principals)
        known = before.hint_of(entry.url) or ""
        try:
            answer = self._ask(entry.url, known)
            if answer.status_code == NOT_MODIFIED:
                return SourceObject(entry.url, 0, known, principals)
            self._require_a_page(answer)
        except HttpError:
            return SourceObject(entry.url, 0, UNREAD, principals)
        return SourceObject(entry.url, len(answer.content), _hint(answer), principals, content=answer.content)

    def _ask(self, url: str, known: str = "") -> Response:
        """The page; with the hint that it is ``known`` by, only where it differs."""
        kind, _, value = known.partition(" ")
        headers = {CONDITIONS[kind]: value} if kind in CONDITIONS else {}
        return self._session.send(self._session.prepare_request(Request("GET", url, headers=headers)))

    def _require_a_page(self, answer: Response) -> None:
        found = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if found not in self._settings.content_types:
            raise HttpError(
                f"{answer.url} is {found or 'of no type'}, not {' or '.join(self._settings.content_types)}",
                f"exclude it, or add its type to sources.{self.name}.content_types",
            )


def _hint(answer: Response) -> str:
    if etag := answer.headers.get("ETag"):
        return f"etag {etag}"
    if modified := answer.headers.get("Last-Modified"):
        return f"modified {modified}"
    return f"sha256 {sha256(answer.content)}"
