"""One run of the line: its row in the catalog, its lease, and the report that it leaves."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert, select, update

from penstock import attempts, leases, spending, whereabouts
from penstock.catalog import Catalog
from penstock.catalog.schema import leases as leases_table
from penstock.catalog.schema import runs
from penstock.errors import AccountingError, LeaseHeldError, LeaseLostError, PenstockError, UnknownNameError
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.processes import this_process

log = structlog.get_logger("penstock")

RUNNING, PUBLISHED, UNCHANGED, WAITING, HELD, FAILED = (
    "running",
    "published",
    "unchanged",
    "waiting",
    "held",
    "failed",
)
PROMOTED, REFUSED = "promoted", "refused"
"""How a retraining ends; that no model is worth training, or promoting, is the ordinary case."""
EXIT_CODES = {PUBLISHED: 0, UNCHANGED: 0, HELD: 0, PROMOTED: 0, REFUSED: 0, WAITING: 1, FAILED: 3, RUNNING: 3}
DIED = "it died: its lease ended without a word"
COMPARE = "compare"
"""The kind of run that builds a challenger's release, which waits for its promotion."""
OWN_TURN = "retrain"
"""The kind of run that holds no lease of its index: another may go on beside it."""
NEEDS_WHOLE = ("sync", "erase")
"""Kinds of runs that would take a store that lacks the index for an index that is empty."""
ASIDE = "stand-aside"


@dataclass
class Run:
    """A run under way. ``counts`` and ``seconds`` grow with its stages; ``save`` writes them."""

    id: int
    index: str
    kind: str
    lease: Lease
    options: dict[str, Any] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    sources: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Add the block's wall time to ``seconds[stage]``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds.get(stage, 0.0) + time.perf_counter() - start, 3)


@dataclass(frozen=True)
class RunReport:
    """What a run did, in figures; ``to_dict`` is what ``--json`` prints."""

    id: int
    index: str
    kind: str
    state: str
    release: int | None
    message: str
    counts: dict[str, int]
    seconds: dict[str, float]
    sources: dict[str, Any]
    started_at: float
    finished_at: float | None
    external: str | None = None

    @property
    def exit_code(self) -> int:
        failed_listing = any("error" in source for source in self.sources.values())
        return 3 if failed_listing else EXIT_CODES[self.state]

    def to_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "exit_code": self.exit_code}


def begin(
    platform: Platform,
    index: str,
    kind: str,
    options: dict[str, Any] | None = None,
    wait_s: float = 0.0,
    external: str | None = None,
) -> Run:
    """Open a run and take the index's lease for it. Raises ``LeaseHeldError`` naming the holder."""
    platform.settings.index(index)
    if kind not in (*whereabouts.MOVING, ASIDE):
        whereabouts.require_here(platform)
    catalog = platform.catalog
    with catalog.write() as connection:
        id_ = connection.execute(
            insert(runs)
            .values(
                index_name=index,
                kind=kind,
                state=RUNNING,
                started_at=catalog.now(connection),
                options=options or {},
                counts={},
                seconds={},
                sources={},
                external=external,
            )
            .returning(runs.c.id)
        ).scalar_one()
    # An orchestrated run goes from process to process; its lease ends only by time.
    where = external or this_process()
    holder = f"run {id_} ({kind} by {getpass.getuser()}, {where})"
    try:
        lease = leases.acquire(catalog, index, holder, platform.settings.store.lease_s, wait_s)
    except LeaseHeldError:
        with catalog.write() as connection:  # it never began, and would hide the run that goes on
            connection.execute(delete(runs).where(runs.c.id == id_))
        raise
    _bury_dead(platform, index, id_)
    log.info("run.begin", run=id_, index=index, kind=kind)
    run = Run(id_, index, kind, lease, options or {})
    with closing(platform, run):
        if lease.taken_over:
            fence_off(platform)
        if kind in NEEDS_WHOLE:
            whereabouts.require_whole(platform, index)
    return run


def fence_off(platform: Platform, index: str | None = None) -> None:
    """Have the stores refuse what the lease's last holder may still be writing, should it only sleep.

    Without ``index`` of every one, since a run carries changed rights to the collections of all.
    """
    for _generation, collection in platform.collections(index):
        collection.fence()


def _bury_dead(platform: Platform, index: str, id_: int) -> None:
    """Whoever holds the lease is the one run of the index: any other that says so died without saying it."""
    with platform.catalog.write() as connection:
        connection.execute(
            update(runs)
            .where(runs.c.index_name == index, runs.c.state == RUNNING, runs.c.id < id_, runs.c.kind != OWN_TURN)
            .values(state=FAILED, message=DIED)
        )


def resume_run(platform: Platform, id_: int) -> Run:
    """A run that another task began: its counts so far, and its lease."""
    row = _row(platform, id_)
    with platform.catalog.read() as connection:
        lease = connection.execute(select(leases_table).where(leases_table.c.index_name == row.index_name)).one()
    mine = lease.token if lease.holder.startswith(f"run {id_} ") else -1
    return Run(
        id_,
        row.index_name,
        row.kind,
        Lease(row.index_name, f"run {id_}", mine, platform.settings.store.lease_s),
        dict(row.options),
        dict(row.counts),
        dict(row.seconds),
        dict(row.sources),
    )


def take_up(platform: Platform, id_: int, task: str) -> Run:
    """Take up a run for an attempt at one of its tasks; every earlier attempt at it is refused from here on.

    Raises ``LeaseLostError`` where another writer has the index by now.
    """
    run = resume_run(platform, id_)
    with platform.catalog.write() as connection:
        leases.check(connection, platform.catalog, run.lease)
        run.lease = replace(run.lease, attempt=attempts.begin(connection, id_, task))
    return run


def close_dead(platform: Platform, id_: int, message: str) -> None:
    """Close a run that its tasks left open, as failed, and refuse whatever one of them may still be writing."""
    run = resume_run(platform, id_)
    try:
        run.lease = leases.take_over(platform.catalog, run.lease)
    except LeaseLostError:
        pass  # whoever took it over has fenced it off
    else:
        fence_off(platform)
    finish(platform, run, FAILED, None, message)


@contextmanager
def closing(platform: Platform, run: Run) -> Iterator[None]:
    """Keep the run's lease alive within the block; close the run as failed where the block fails."""
    with leases.kept_alive(platform.catalog, run.lease):
        try:
            yield
        except BaseException as error:
            finish(platform, run, FAILED, None, words(error))
            raise


@contextmanager
def all_leases(
    platform: Platform, kind: str, options: dict[str, Any], wait_s: float, message: str, only: str | None = None
) -> Iterator[list[Run]]:
    """Hold the lease of every index, so that nobody writes meanwhile; each has a run of ``kind``.

    With ``only`` that index alone has, and the others stand aside. The runs end well in one transaction which proves
    that no lease was lost meanwhile; it raises ``LeaseLostError`` where one was.
    """
    with ExitStack() as stack:
        held = []
        for index in sorted(platform.settings.indexes):
            mine = only in (None, index)
            run = begin(platform, index, kind if mine else ASIDE, options if mine else {}, wait_s)
            stack.enter_context(closing(platform, run))
            held.append(run)
        yield [run for run in held if only in (None, run.index)]
        with platform.catalog.write() as connection:
            for run in held:
                leases.check(connection, platform.catalog, run.lease)
            for run in held:
                _close(connection, platform.catalog, run, UNCHANGED, None, message)
        for run in held:
            leases.release(platform.catalog, run.lease)
            log.info("run.end", run=run.id, index=run.index, state=UNCHANGED, release=None, **run.counts)


def save(platform: Platform, run: Run) -> None:
    """Write the counts so far. Raises ``LeaseLostError``."""
    with platform.catalog.write() as connection:
        leases.check(connection, platform.catalog, run.lease)
        connection.execute(update(runs).where(runs.c.id == run.id).values(_figures(connection, run)))


def note(platform: Platform, run: Run, error: BaseException) -> None:
    """Keep why an attempt at a task failed with the run, which stays open; not of one that was given up before."""
    attempt = run.lease.attempt
    with platform.catalog.write() as connection:
        if attempt is not None and attempts.is_newest(connection, attempt):
            open_ = runs.c.id == run.id, runs.c.state == RUNNING
            connection.execute(update(runs).where(*open_).values(message=words(error)))


def finish(platform: Platform, run: Run, state: str, release: int | None, message: str) -> RunReport:
    """Close the run and give the lease back. Raises ``LeaseLostError`` where this attempt at a task was given up."""
    catalog = platform.catalog
    with catalog.write() as connection:
        if run.lease.attempt is not None:
            attempts.check(connection, run.lease.attempt)
        _close(connection, catalog, run, state, release, message)
    leases.release(catalog, run.lease)
    log.info("run.end", run=run.id, index=run.index, state=state, release=release, **run.counts)
    return report(platform, run.id)


def require_account(run: Run) -> None:
    """Raise ``AccountingError`` where the run's counts do not add up: before anything of it is published."""
    if wrong := account(run.counts):
        raise AccountingError(f"run {run.id} of {run.index!r}: {wrong}; it published nothing")


def account(counts: dict[str, int]) -> str:
    """Check that every listed document has exactly one outcome; return what is wrong, or nothing.

    >>> account({"listed": 3, "unchanged": 2, "work": 1, "new": 1})
    ''
    >>> account({"listed": 3, "unchanged": 1, "work": 1, "new": 1})
    'of 3 listed documents 2 are accounted for'
    """
    n = counts.get
    decided = sum(n(name, 0) for name in ("unchanged", "quarantined_before", "erased", "work"))
    if decided != n("listed", 0):
        return f"of {n('listed', 0)} listed documents {decided} are accounted for"
    ended = sum(n(name, 0) for name in ("new", "changed", "rebuilt", "same", "quarantined", "deferred"))
    begun = n("work", 0) + n("attachments", 0)
    if ended != begun:
        return f"of {begun} documents that were looked at {ended} have an outcome"
    return ""


def report(platform: Platform, id_: int) -> RunReport:
    row = _row(platform, id_)
    return RunReport(
        id=row.id,
        index=row.index_name,
        kind=row.kind,
        state=row.state,
        release=row.release,
        message=row.message or "",
        counts=dict(row.counts),
        seconds=dict(row.seconds),
        sources=dict(row.sources),
        started_at=row.started_at,
        finished_at=row.finished_at,
        external=row.external,
    )


def recent(platform: Platform, index: str | None = None, limit: int = 10, of_the_line: bool = False) -> list[RunReport]:
    """The newest runs; ``of_the_line``: without those that go beside it."""
    query = select(runs.c.id).order_by(runs.c.id.desc()).limit(limit)
    if index is not None:
        query = query.where(runs.c.index_name == index)
    if of_the_line:
        query = query.where(runs.c.kind != OWN_TURN)
    with platform.catalog.read() as connection:
        ids = list(connection.execute(query).scalars())
    return [report(platform, id_) for id_ in ids]


def _row(platform: Platform, id_: int) -> Any:
    with platform.catalog.read() as connection:
        row = connection.execute(select(runs).where(runs.c.id == id_)).one_or_none()
        if row is None:
            known = connection.execute(select(runs.c.id).order_by(runs.c.id.desc()).limit(5)).scalars()
            raise UnknownNameError("run", str(id_), [str(one) for one in known])
    return row


def _close(connection: Connection, catalog: Catalog, run: Run, state: str, release: int | None, message: str) -> None:
    end = {"state": state, "release": release, "message": message, "finished_at": catalog.now(connection)}
    connection.execute(update(runs).where(runs.c.id == run.id).values(_figures(connection, run) | end))


def _figures(connection: Connection, run: Run) -> dict[str, Any]:
    run.counts |= spending.metered(connection, run.id)  # counted there by whoever embeds for this run
    return {"counts": run.counts, "seconds": run.seconds, "sources": run.sources}


def words(error: BaseException) -> str:
    """What a run says of the error that ended it."""
    return str(error) if isinstance(error, PenstockError) else f"{type(error).__name__}: {error}"
