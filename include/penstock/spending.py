"""What a run spends on paid APIs: counted with the run in the catalog, and stopped before its budget is passed.

Every worker of a run counts there, request by request, so that a run cut into tasks has one budget, and one that was
killed is known by what it spent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy import Connection, select, update

from penstock.catalog import Catalog
from penstock.catalog.schema import runs
from penstock.errors import BudgetError

REQUESTS, RETRIED, BILLED, IN_FLIGHT, UNSURE = (
    "requests",
    "requests_retried",
    "tokens_billed",
    "tokens_in_flight",
    "tokens_unsure",
)
METERED = (REQUESTS, RETRIED, BILLED, IN_FLIGHT, UNSURE)
"""Names in a run's counts that are written here alone. ``tokens_unsure`` is the most that requests can have cost to
which no answer came, or none with a figure; ``tokens_in_flight`` that of requests under way, now or when a process
died."""

Charge = Callable[[int, int], None]


@dataclass(frozen=True)
class RunAccount:
    """Who pays: one run, at most ``budget`` tokens. Safe to use from several threads and machines at once.

    With a budget a process makes one request at a time: what is under way counts at its most, and the next might be
    refused for it.
    """

    catalog: Catalog
    run_id: int
    budget: int | None = None
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @contextmanager
    def request(self, bound: int, again: bool) -> Iterator[Charge]:
        """Hold one request of at most ``bound`` tokens; yields ``charge(billed, unsure)``.

        Raises ``BudgetError`` before the request where it might pass the budget.
        """
        with self._turn if self.budget is not None else nullcontext():
            yield from self._one_request(bound, again)

    def _one_request(self, bound: int, again: bool) -> Iterator[Charge]:
        self._book({REQUESTS: 1, RETRIED: int(again), IN_FLIGHT: bound}, bound)
        spent = {UNSURE: bound}  # whatever interrupts a request does not say whether it is paid

        def charge(billed: int, unsure: int) -> None:
            spent.update({BILLED: billed, UNSURE: unsure})

        try:
            yield charge
        finally:
            self._book({**spent, IN_FLIGHT: -bound})

    def _book(self, changes: Mapping[str, int], bound: int = 0) -> None:
        with self.catalog.write() as connection:
            index, counts = _locked(connection, self.run_id)
            self._require(index, counts, bound)
            counts |= {name: counts.get(name, 0) + change for name, change in changes.items()}
            connection.execute(update(runs).where(runs.c.id == self.run_id).values(counts=counts))

    def _require(self, index: str, counts: Mapping[str, int], bound: int) -> None:
        if self.budget is None or not bound:
            return
        billed = counts.get(BILLED, 0)
        open_ = counts.get(IN_FLIGHT, 0) + counts.get(UNSURE, 0)
        if billed + open_ + bound <= self.budget:
            return
        rest = f", up to {open_:,} more are not settled," if open_ else ""
        raise BudgetError(
            f"run {self.run_id} of {index!r} stops before its budget of {self.budget:,} tokens is passed: {billed:,} "
            f"are billed{rest} and the next request may take {bound:,}. What was embedded is kept and the next run "
            f"goes on from there; or raise indexes.{index}.embedder.budget_tokens"
        )


def metered(connection: Connection, run_id: int) -> dict[str, int]:
    """What was counted here for a run, its row locked until the transaction ends."""
    _index, counts = _locked(connection, run_id)
    return {name: counts[name] for name in METERED if name in counts}


def _locked(connection: Connection, run_id: int) -> tuple[str, dict[str, int]]:
    query = select(runs.c.index_name, runs.c.counts).where(runs.c.id == run_id).with_for_update()
    row = connection.execute(query).one()
    return row.index_name, dict(row.counts)
