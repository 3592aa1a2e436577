"""Rows written down before their callers go on; those of threads that come together share one transaction.

This is group commit as databases do it: whoever finds the writer idle writes for everybody who has come by then, and
those who come meanwhile wait for the next turn. Under load a wait for the disk is shared by many, and alone nobody
waits for company. There is no thread of its own to be lost in a fork, and no row that is only in memory once its
caller has been answered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

from sqlalchemy import Connection, select

from penstock.batching import batched
from penstock.catalog import READERS_WAIT_S, Catalog, insert_or_update
from penstock.catalog.schema import documents, interactions
from penstock.errors import PenstockError, StoreError
from penstock.interactions.digests import Digests, open_digests
from penstock.interactions.graves import graves, is_forgotten

MAX_ROWS = 200
"""Of one transaction: on SQLite every other writer waits so long."""


@dataclass(slots=True, eq=False)
class _Waiting:
    row: dict[str, Any]
    done: bool = False
    error: PenstockError | None = None


class Recorder:
    """The one way in which interactions are recorded; safe to call from several threads and processes at once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._queue: deque[_Waiting] = deque()
        self._turn = Lock()

    @cached_property
    def digests(self) -> Digests:
        return open_digests(self._catalog)

    def write(self, row: dict[str, Any]) -> None:
        """Return once the row of ``interactions`` is on the disk, or stays out: who asked was erased since its ``at``.

        Raises what the catalog raised for its transaction: ``TransientError`` or ``StoreError``. Where somebody else
        holds SQLite's lock that is after ``READERS_WAIT_S``, or twice that for who came while others waited.
        """
        mine = _Waiting(row)
        self._queue.append(mine)
        while not mine.done:
            with self._turn:
                if not mine.done:
                    self._write_those_who_came()
        if mine.error is not None:
            raise mine.error

    def _write_those_who_came(self) -> None:
        together = [self._queue.popleft() for _ in range(min(len(self._queue), MAX_ROWS))]
        error: PenstockError | None = StoreError("the interaction was not recorded: its writer was interrupted")
        try:
            with self._catalog.write(durable=True, wait_s=READERS_WAIT_S) as connection:
                self._catalog.hold(connection, interactions)
                rows = _of_those_not_forgotten(connection, [one.row for one in together])
                withhold_erased(connection, rows)
                insert_or_update(connection, interactions, rows)
            error = None
        except PenstockError as caught:
            error = caught
        finally:
            for one in together:
                one.error, one.done = error, True


def _of_those_not_forgotten(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the questions that were under way while whoever asked them was erased."""
    found = graves(connection, (row[name] for row in rows for name in ("person", "session")))
    return [row for row in rows if not is_forgotten(found, (row["person"], row["session"]), row["at"])]


def withhold_erased(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Take the words out of answers that rest on a document which was erased while they were being given.

    Together with what ``forgetting.forget_document`` does after the tombstone, no moment is left between.
    """
    speaking = [row for row in rows if row["answer"] is not None or row["citations"]]
    resting_on = {one for row in speaking for one in documents_of(row)}
    erased: set[str] = set()
    for batch in batched(sorted(resting_on)):
        query = select(documents.c.id).where(documents.c.id.in_(batch), documents.c.erased_at.is_not(None))
        erased.update(connection.execute(query).scalars())
    for row in speaking:
        if erased & documents_of(row):
            row |= {"answer": None, "citations": without_quotes(row["citations"], erased), "redacted": True}


def documents_of(row: Mapping[str, Any]) -> set[str]:
    """Ids of the documents that an interaction showed or cited."""
    return {document for _chunk, document in row["shown"]} | {one["document"] for one in row["citations"]}


def without_quotes(citations: Iterable[Mapping[str, Any]], erased: Iterable[str]) -> list[dict[str, Any]]:
    gone = set(erased)
    return [{**one, "quote": None} if one["document"] in gone else dict(one) for one in citations]
