"""The pages of one listing, by dlt's paginators. What leaves open whether it was all is an error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers.rest_client.client import PageData, RESTClient
from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException
from requests import PreparedRequest, Response, Session
from requests.auth import AuthBase
from requests.hooks import default_hooks

from penstock.http_settings import ApiSource
from penstock.sources.api.paginators import Paginator
from penstock.sources.api.records import Record
from penstock.sources.api.watermark import VALIDATORS
from penstock.sources.http.errors import HttpError
from penstock.sources.http.session import NOT_MODIFIED

FIX = "check the source's records, path and pages"


@dataclass
class Pager:
    """Reads the pages of one listing; ``first`` is the answer that it began with.

    ``total`` is what the last answer said that there is: records, or pages where they are numbered.
    """

    session: Session
    settings: ApiSource
    auth: AuthBase | None
    first: Response | None = None
    n_pages: int = 0
    n_filled: int = 0
    total: int | None = None
    unchanged: bool = False
    """The server said 304: as it was when the validators that were sent came."""
    _asked: list[PreparedRequest] = field(default_factory=list)

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
            paginator=Paginator(self.settings.pages),
            data_selector=self.settings.records or "$",
            hooks={"response": [self._look]},
        )
        for page in found:
            self.n_pages += 1
            self.n_filled += bool(page)
            self._note_total(page)
            self._asked.append(page.response.request)
            yield list(page)

    def again(self, n_page: int) -> list[Record]:
        """The records of a page, counted from 0, as it is now. Raises ``HttpError``."""
        request = self._asked[n_page].copy()
        request.hooks = default_hooks()
        for name in VALIDATORS.values():
            request.headers.pop(name, None)
        return records_of(self.session.send(request), self.settings.records)

    def require_all(self, n_records: int) -> None:
        """Raise ``HttpError`` where the server counted more than came."""
        if self.unchanged or self.total is None:
            return
        total, pages = self.total, self.settings.pages
        if pages.kind == "offset" and n_records < total:
            what = f"{n_records} of {total} records came: the pages shifted while they were read"
            raise HttpError(what, "sync again")
        if pages.kind == "page" and self.n_filled < total and (self.n_filled, total) != (0, 1):  # some say 1 of nothing
            raise HttpError(
                f"{self.n_filled} of {total} pages held records: they shifted while they were read, or do not begin "
                f"with pages.first = {pages.first}",
                "sync again; where that does not help check pages.first and pages.total",
            )

    def _look(self, response: Response, *_: Any, **__: Any) -> None:
        if response.status_code == NOT_MODIFIED:
            response.close()
            self.unchanged = True
            raise IgnoreResponseException
        self.first = self.first or response

    def _note_total(self, page: PageData[Any]) -> None:
        path = self.settings.pages.total
        said: Any = at_path(page.response.json(), path) if path else None
        if said is None and not page:  # an answer with no records may leave their number out
            return
        try:
            self.total = int(said) if path else None
        except (TypeError, ValueError, OverflowError):
            raise HttpError(f"an answer says no number at {path!r}", "check the source's pages.total") from None


class _StrictClient(RESTClient):
    def extract_response(self, response: Response, data_selector: Any) -> list[Any]:
        """dlt's own takes a missing list, such as an error's answer, for an empty one."""
        return records_of(response, "" if data_selector == "$" else str(data_selector))


def records_of(response: Response, path: str) -> list[Any]:
    """The records at a dotted path of an answer. Raises ``HttpError`` where there is no list of them."""
    try:
        answer = response.json()
    except RecursionError:
        raise HttpError("an answer is nested too deeply", FIX) from None
    except ValueError:  # its words may hold the whole answer
        raise HttpError("an answer is not JSON", FIX) from None
    found = at_path(answer, path)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise HttpError(f"an answer holds no list of records at {path!r}", FIX)
    return found


def at_path(answer: Any, path: str) -> Any:
    """What stands at dotted names; ``None`` where nothing does.

    >>> at_path({"page": {"items": [1]}}, "page.items"), at_path([2], ""), at_path({}, "page.items")
    ([1], [2], None)
    """
    names = path.split(".") if path else []
    return reduce(lambda value, name: value.get(name) if isinstance(value, dict) else None, names, answer)
