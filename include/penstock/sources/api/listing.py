"""The records of one listing, each once: what came twice moved under the reader, or its key is not its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from penstock.sources.api.pages import Pager
from penstock.sources.api.records import Record, Template
from penstock.sources.http.errors import HttpError

MAX_EMPTY_PAGES = 50
"""An API may send a page with no records and say that more follow; a server that does only that never ends."""


@dataclass
class Listing:
    """Accounts for every record of the pages. ``changed``: one came again, and said something else."""

    pager: Pager
    template: Template
    changed: bool = False
    _said: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Key → what its record said when it first came, and on which page."""
    _doubtful: dict[int, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))
    """Page → keys that came again later, with what their records said on it."""

    def records(self, pages: Iterable[list[Record]]) -> Iterator[tuple[str, Record]]:
        """Yield each record with its key. Raises ``HttpError`` where the pages go round in a circle, as a bad cursor
        makes them, where they are fewer than the server counted, and where two records have one key.
        """
        n_empty = 0
        for n_page, page in enumerate(pages):
            new = self._new(n_page, page)
            n_empty = 0 if page else n_empty + 1
            if (page and not new) or n_empty > MAX_EMPTY_PAGES:
                self._require_own_keys()
                raise HttpError("the pages go round in a circle", "check the source's pages")
            yield from new
        self._require_own_keys()
        self.pager.require_all(len(self._said))

    def _new(self, n_page: int, page: list[Record]) -> list[tuple[str, Record]]:
        new = []
        for n, record in enumerate(page, 1):
            key, said = self.template.key(record, f"record {n} of page {n_page + 1}"), _said(record)
            if key not in self._said:
                self._said[key] = said, n_page
                new.append((key, record))
            elif self._said[key][0] != said:
                self._note_doubt(key, n_page)
        return new

    def _note_doubt(self, key: str, n_page: int) -> None:
        said, first_page = self._said[key]
        if first_page == n_page:
            raise self._shared(key)
        self.changed = True
        self._doubtful[first_page].add((key, said))

    def _require_own_keys(self) -> None:
        """What came again was edited and moved, where its first page does not show it any more as it was; else it is
        another record. Only now are pages asked for again, as that may end what a cursor stands for.
        """
        for n_page, doubtful in self._doubtful.items():
            shown = {(self.template.key(record, "a record"), _said(record)) for record in self.pager.again(n_page)}
            for key, _said_first in sorted(doubtful & shown):
                raise self._shared(key)

    def _shared(self, key: str) -> HttpError:
        return HttpError(
            f"two records have the key {key!r}, by document.key = {self.template.settings.document.key!r}",
            "name what is each record's own, such as its id",
        )


def _said(record: Record) -> int:
    try:
        return hash(repr(record))
    except RecursionError:
        raise HttpError("a record is nested too deeply", "have it left out of the answers") from None
