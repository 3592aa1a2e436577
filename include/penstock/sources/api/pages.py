"""The pages of one listing, by dlt's paginators. What leaves open whether it was all is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)
from requests import Response, Session
from requests.auth import AuthBase

from penstock.http_settings import ApiSource, Pages
from penstock.sources.api.records import Record
from penstock.sources.http.errors import HttpError
from penstock.sources.http.session import NOT_MODIFIED

FIX = "check the source's records, path and pages"


@dataclass
class Pager:
    """Reads the pages of one listing; ``first`` is the answer that it began with, ``total`` what the last one said."""

    session: Session
    settings: ApiSource
    auth: AuthBase | None
    first: Response | None = None
    n_pages: int = 0
    total: int | None = None
    unchanged: bool = False
    """The server said 304: as it was when the validators that were sent came."""

    def pages(self, params: Mapping[str, Any], headers: Mapping[str, str]) -> Iterator[list[Record]]:
        """Yield the records page by page. Raises ``HttpError``."""
        client = _StrictClient(
            self.settings.base_url,
            auth=self.auth,
            session=self.session,
            config=RuntimeConfiguration(),  # or it would look for files of its own
        )
        found = client.paginate(
            self.settings.path,
            params=dict(params),
            headers={"Accept": "application/json", **self.settings.headers, **headers},
            paginator=_paginator(self.settings.pages),
            data_selector=self.settings.records or "$",
            hooks={"response": [self._look]},
        )
        try:
            for page in found:
                self.n_pages += 1
                self._note_total(page.response)
                yield list(page)
        except ValueError:  # of JSON and of dlt's paginators; its words may hold the whole answer
            raise HttpError("an answer is not what sources.….pages and records say of it", FIX) from None

    def _look(self, response: Response, *_: Any, **__: Any) -> None:
        if response.status_code == NOT_MODIFIED:
            response.close()
            self.unchanged = True
            raise IgnoreResponseException
        self.first = self.first or response

    def _note_total(self, response: Response) -> None:
        if self.settings.pages.kind == "offset" and self.settings.pages.total:
            self.total = int(at_path(response.json(), self.settings.pages.total))


class _StrictClient(RESTClient):
    def extract_response(self, response: Response, data_selector: Any) -> list[Any]:
        """The records at a dotted path; dlt's own takes a missing list, such as an error's answer, for an empty one."""
        found = at_path(response.json(), "" if data_selector == "$" else str(data_selector))
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise HttpError(f"an answer holds no list of records at {str(data_selector)!r}", FIX)
        return found


def at_path(answer: Any, path: str) -> Any:
    """What stands at dotted names; ``None`` where nothing does.

    >>> at_path({"page": {"items": [1]}}, "page.items"), at_path([2], ""), at_path({}, "page.items")
    ([1], [2], None)
    """
    names = path.split(".") if path else []
    return reduce(lambda value, name: value.get(name) if isinstance(value, dict) else None, names, answer)


def _paginator(pages: Pages) -> BasePaginator:
    match pages.kind:
        case "single":
            return SinglePagePaginator()
        case "page":
            return PageNumberPaginator(base_page=pages.first, page_param=pages.param, total_path=pages.total)
        case "offset":
            limit = pages.limit or 0
            return OffsetPaginator(limit, 0, pages.param, pages.limit_param, total_path=pages.total)
        case "cursor":
            return JSONResponseCursorPaginator(cursor_path=pages.next or "", cursor_param=pages.param)
        case "link":
            return HeaderLinkPaginator()
        case "next_url":
            return JSONLinkPaginator(next_url_path=pages.next or "")
