"""A JSON API as a source: each record of a listing is a document, made by the template of the configuration.

The listing brings the records themselves, so nothing is fetched but the files that are attached to them. A document's
hint is the hash of what the template made of it: a change of anything else is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from requests import Request

from penstock.errors import FetchError
from penstock.http_settings import ApiSource
from penstock.records import Fetched, SourceObject
from penstock.sources import access
from penstock.sources.api.auth import auth_of
from penstock.sources.api.listing import Listing
from penstock.sources.api.pages import Pager
from penstock.sources.api.records import Record, Template
from penstock.sources.api.watermark import Watermark
from penstock.sources.base import NOTHING_BEFORE, Before, Reading, TooLargeError
from penstock.sources.http.errors import HttpError, TooLargeAnswerError
from penstock.sources.http.session import PoliteSession


class ApiDocuments:
    """Lists the records of one API; see ``Source``. ``fetch`` may be called from several threads."""

    def __init__(self, name: str, settings: ApiSource, connection: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self._settings = settings
        self._session = PoliteSession(settings, settings.base_url)
        self._auth = None
        if settings.auth is not None:
            self._auth = auth_of(name, settings.auth, connection, lambda url: PoliteSession(settings, url))
        self._template = Template(name, settings, access.Rules(name, settings.access))

    def list(self) -> Iterator[SourceObject]:
        return iter(self.read(NOTHING_BEFORE).objects)

    def read(self, before: Before) -> Reading:
        watermark = Watermark.after(self._settings, before.cursor)
        whole = watermark.is_whole
        reading = Reading((), whole, removes=whole and self._settings.deletions == "full")
        reading.objects = self._objects(watermark, reading)
        return reading

    def fetch(self, item: SourceObject) -> Fetched:
        if item.locator is None:
            raise FetchError(
                f"source {self.name!r}: {item.key!r} came with a listing, and what it said is no longer at hand; "
                "`penstock sync --verify` lists everything again"
            )
        try:
            request = Request("GET", item.locator, auth=self._auth)
            return Fetched(self._session.send(self._session.prepare_request(request)).content)
        except TooLargeAnswerError as error:
            raise TooLargeError(self.name, item.key, error.size_bytes, self._settings.max_bytes) from None
        except HttpError as error:
            raise error.of_document(f"source {self.name!r}: {item.key!r}") from None

    def _objects(self, watermark: Watermark, reading: Reading) -> Iterator[SourceObject]:
        pager = Pager(self._session, self._settings, self._auth)
        listing = Listing(pager, self._template)
        try:
            params = {**self._settings.params, **watermark.params()}
            for key, record in listing.records(pager.pages(params, watermark.conditions())):
                watermark.see(record)
                yield from self._named(key, record)
            may_move = not listing.changed
            reading.cursor = watermark.cursor(pager.first, pager.n_pages, pager.unchanged, may_move)
        except HttpError as error:
            raise error.of_listing(self.name) from None
        if pager.unchanged:
            reading.whole = False
        if pager.unchanged or listing.changed:
            reading.removes = False  # where one record moved to a later page, another may have moved to an earlier

    def _named(self, key: str, record: Record) -> Iterator[SourceObject]:
        """What a listing says of a record: its documents, or that it is gone. ``none`` removes nothing."""
        if self._template.is_tombstone(record) or not self._template.wanted(record):
            if self._settings.deletions != "none":
                yield SourceObject(key, 0, "", gone=True)
            return
        yield from self._template.objects(key, record)
