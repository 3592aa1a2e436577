"""A retraining as a run: its row, which says how far it got and what was found, and its turn."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from penstock import leases, runs
from penstock.catalog.schema import feedback
from penstock.catalog.schema import runs as runs_table
from penstock.errors import LeaseHeldError, RefusedError, UsageError
from penstock.ids import hash_of
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.processes import this_process
from penstock.purposes import Purpose
from penstock.runs import RunReport

KIND = runs.OWN_TURN


def begin(platform: Platform, index: str, purpose: Purpose | None = None, external: str | None = None) -> int:
    """Open a run; return its number. Raises ``LeaseHeldError``, ``UnknownNameError``."""
    platform.settings.index(index)
    catalog = platform.catalog
    holder = f"a retraining by {getpass.getuser()}, {external or this_process()}"
    try:
        lease = leases.acquire(catalog, lease_name(index), holder, platform.settings.store.lease_s)
    except LeaseHeldError:
        with catalog.read() as connection:
            who = leases.holder(connection, lease_name(index))
        raise LeaseHeldError(f"{who} of index {index!r} is under way; wait until it ends") from None
    row = {
        "index_name": index,
        "kind": KIND,
        "state": runs.RUNNING,
        "options": {"purpose": purpose, "lease": lease.token},
        "counts": {},
        "seconds": {},
        "sources": {},
        "external": external,
    }
    with catalog.write() as connection:
        dead = runs_table.c.index_name == index, runs_table.c.kind == KIND, runs_table.c.state == runs.RUNNING
        connection.execute(update(runs_table).where(*dead).values(state=runs.FAILED, message=runs.DIED))
        inserted = insert(runs_table).values(**row, started_at=catalog.now(connection)).returning(runs_table.c.id)
        return int(connection.execute(inserted).scalar_one())


def lease_name(index: str) -> str:
    """What a retraining holds: of no index, and of a length that every catalog takes."""
    return f"retrain-{hash_of('retrain', index)[:32]}"


def new_feedback(platform: Platform, index: str) -> int:
    """Pieces of feedback that were recorded since the last retraining of the index began."""
    last = select(func.max(runs_table.c.started_at)).where(runs_table.c.index_name == index, runs_table.c.kind == KIND)
    with platform.catalog.read() as connection:
        return said_since(connection, index, connection.execute(last).scalar() or 0.0)


def said_since(connection: Connection, index: str, at: float) -> int:
    """Pieces of feedback that were recorded after ``at``, in seconds since 1970."""
    query = select(func.count()).where(feedback.c.index_name == index, feedback.c.recorded_at > at)
    return int(connection.execute(query).scalar_one())


@dataclass
class State:
    """A run between its steps: what is known of it stands in its row, so that any worker can do the next."""

    platform: Platform
    run: int
    index: str
    lease: Lease
    facts: dict[str, Any]
    counts: dict[str, int]
    seconds: dict[str, float]
    began: float = field(default_factory=time.perf_counter)

    @property
    def purpose(self) -> Purpose:
        return Purpose(self.facts["purpose"])

    def took(self, step: str) -> None:
        self.seconds[step] = round(time.perf_counter() - self.began, 3)

    def go_on(self) -> bool:
        """Keep what a step found."""
        with self.platform.catalog.write() as connection:
            self._write(connection, message=None)
        return True

    def stop(self, why: str) -> bool:
        """Close the run: there is a reason why no model takes over."""
        self.close(runs.REFUSED, why)
        return False

    def close(self, state: str, message: str) -> None:
        catalog = self.platform.catalog
        with catalog.write() as connection:
            self._write(connection, state=state, message=message, finished_at=catalog.now(connection))
        leases.release(catalog, self.lease)

    def _write(self, connection: Connection, **values: Any) -> None:
        leases.check(connection, self.platform.catalog, self.lease)
        values |= {"options": self.facts, "counts": self.counts, "seconds": self.seconds}
        connection.execute(update(runs_table).where(runs_table.c.id == self.run).values(**values))


def do_step(platform: Platform, run: int, name: str, finds: str, work: Callable[[State], str | None]) -> bool:
    """Do a step, unless an earlier try at it got to its end: then what that one found holds. Tell whether to go on.

    ``work`` writes what it finds into the state, and returns why the run ends with it, if it does.
    """
    report = runs.report(platform, run)
    if report.state == runs.REFUSED:
        return False
    if report.state != runs.FAILED and finds in facts_of(platform, run):
        return True
    with working(platform, run) as state:
        try:
            why = work(state)
        except RefusedError as error:
            why = str(error)
        state.took(name)
        return state.go_on() if why is None else state.stop(why)


@contextmanager
def working(platform: Platform, run: int) -> Iterator[State]:
    """The run, with its lease proved and kept alive; an error is noted with it, and it stays open for another try.

    Raises ``LeaseLostError``; ``UsageError`` where it has ended.
    """
    report = runs.report(platform, run)
    if report.state != runs.RUNNING:
        raise UsageError(f"run {run} has ended ({report.state}: {report.message}); start a new one")
    facts = facts_of(platform, run)
    lease = lease_of(platform, report.index, run, facts)
    leases.prove(platform.catalog, lease)
    try:
        with leases.kept_alive(platform.catalog, lease):
            yield State(platform, run, report.index, lease, facts, dict(report.counts), dict(report.seconds))
    except BaseException as error:
        with platform.catalog.write() as connection:
            open_ = runs_table.c.id == run, runs_table.c.state == runs.RUNNING
            connection.execute(update(runs_table).where(*open_).values(message=runs.words(error)))
        raise


@contextmanager
def closing(platform: Platform, run: int) -> Iterator[None]:
    """Close the run as failed where the block fails."""
    try:
        yield
    except BaseException as error:
        finish(platform, run, runs.FAILED, runs.words(error))
        raise


def finish(platform: Platform, run: int, state: str, message: str, release: int | None = None) -> None:
    """Close a run that is under way or waits, and give its turn back if it has it still."""
    with platform.catalog.write() as connection:
        close_row(connection, platform, run, state, message, release)
    report = runs.report(platform, run)
    leases.release(platform.catalog, lease_of(platform, report.index, run, facts_of(platform, run)))


def close_row(
    connection: Connection, platform: Platform, run: int, state: str, message: str, release: int | None = None
) -> None:
    open_ = runs_table.c.id == run, runs_table.c.state.in_((runs.RUNNING, runs.WAITING))
    ended = {"state": state, "message": message, "release": release, "finished_at": platform.catalog.now(connection)}
    connection.execute(update(runs_table).where(*open_).values(**ended))


def end(platform: Platform, external: str) -> RunReport | None:
    """Close what is still open of the orchestrator's run, as failed, and have MLflow's registry say what came of it.

    Return its report, ``None`` where it has none.
    """
    from penstock.promotion import registry

    with platform.catalog.read() as connection:
        query = select(runs_table.c.id).where(runs_table.c.external == external, runs_table.c.kind == KIND)
        ids = connection.execute(query.order_by(runs_table.c.id)).scalars().all()
    if not ids:
        return None
    if runs.report(platform, ids[-1]).state == runs.RUNNING:
        said = runs.report(platform, ids[-1]).message
        finish(platform, ids[-1], runs.FAILED, said or "one of its tasks did not finish: its log says why")
    registry.follow(platform, runs.report(platform, ids[-1]).index)
    return runs.report(platform, ids[-1])


def facts_of(platform: Platform, run: int) -> dict[str, Any]:
    """What the steps of a run found so far: its purpose, training set, model and comparison."""
    with platform.catalog.read() as connection:
        return dict(connection.execute(select(runs_table.c.options).where(runs_table.c.id == run)).scalar_one())


def learned(platform: Platform, run: int, **facts: Any) -> None:
    """Add to what a run found that is no longer under way."""
    with platform.catalog.write() as connection:
        mine = runs_table.c.id == run
        options = connection.execute(select(runs_table.c.options).where(mine)).scalar_one() | facts
        connection.execute(update(runs_table).where(mine).values(options=options))


def lease_of(platform: Platform, index: str, run: int, facts: Mapping[str, Any]) -> Lease:
    return Lease(lease_name(index), f"run {run}", facts["lease"], platform.settings.store.lease_s)
