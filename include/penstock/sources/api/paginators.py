"""dlt's paginators, held to what really came: a page that is short or an address that is none loses no record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)
from requests import Request, Response

from penstock.http_settings import Pages
from penstock.sources.http.errors import HttpError


class Paginator(BasePaginator):
    """Asks for the next page. Raises ``HttpError`` where an answer does not say which that is."""

    def __init__(self, pages: Pages) -> None:
        self._of_dlt = _paginator(pages)

    @property
    def has_next_page(self) -> bool:
        return self._of_dlt.has_next_page

    def init_request(self, request: Request) -> None:
        self._of_dlt.init_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        with _said_without_the_answer():
            self._of_dlt.update_state(response, data)

    def update_request(self, request: Request) -> None:
        with _said_without_the_answer():
            self._of_dlt.update_request(request)


@contextmanager
def _said_without_the_answer() -> Iterator[None]:
    try:
        yield
    except (ValueError, OverflowError):  # dlt's words may hold the whole answer
        raise HttpError("an answer does not say how its pages go on", "check the source's pages") from None


def _paginator(pages: Pages) -> BasePaginator:
    match pages.kind:
        case "single":
            return SinglePagePaginator()
        case "page":
            return PageNumberPaginator(base_page=pages.first, page_param=pages.param, total_path=pages.total)
        case "offset":
            limit = pages.limit or 0
            return _CameOffset(limit, 0, pages.param, pages.limit_param, total_path=pages.total)
        case "cursor":
            return _Cursor(cursor_path=pages.next or "", cursor_param=pages.param)
        case "link":
            return HeaderLinkPaginator()
        case "next_url":
            return _NextAddress(next_url_path=pages.next or "")


class _CameOffset(OffsetPaginator):
    """Goes on behind what came, not behind what was asked for: a server may send fewer records than ``limit``."""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        self.value_step = len(data or ())
        super().update_state(response, data)


class _Cursor(JSONResponseCursorPaginator):
    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        super().update_state(response, data)
        if not isinstance(self._next_reference, str | int | None):
            raise ValueError("the cursor is no text and no number")


class _NextAddress(JSONLinkPaginator):
    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        super().update_state(response, data)
        self._next_reference = self._next_reference or None  # "" and false say, too, that there is none
        if not isinstance(self._next_reference, str | None):
            raise ValueError("the address of the next page is no text")
