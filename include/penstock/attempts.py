"""Attempts at the tasks of a run: of two attempts at one task the later alone may write.

An orchestrator that no longer hears of a task starts it anew, and the first process may only sleep. The tasks of one
run share its lease, since many of them rightly work side by side; so each attempt also has a number of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from penstock.catalog import Catalog, insert_or_update
from penstock.catalog.schema import attempts
from penstock.errors import LeaseLostError


@dataclass(frozen=True, slots=True)
class Attempt:
    """The right to write what one task of a run writes, until the next attempt at it begins."""

    run_id: int
    task: str
    number: int
    after_silence: bool
    """The attempt before this one never said that it ended: it may only sleep, in the middle of a write."""


def begin(connection: Connection, run_id: int, task: str) -> Attempt:
    """Begin the next attempt at a task. The caller's transaction holds the run's lease, and with it its row."""
    mine = attempts.c.run_id == run_id, attempts.c.task == task
    insert_or_update(connection, attempts, [{"run_id": run_id, "task": task, "number": 0, "ended": True}])
    before = connection.execute(select(attempts).where(*mine)).one()
    connection.execute(update(attempts).where(*mine).values(number=before.number + 1, ended=False))
    return Attempt(run_id, task, before.number + 1, after_silence=not before.ended)


def is_newest(connection: Connection, attempt: Attempt) -> bool:
    newest = select(attempts.c.number).where(attempts.c.run_id == attempt.run_id, attempts.c.task == attempt.task)
    return bool(connection.execute(newest).scalar() == attempt.number)


def check(connection: Connection, attempt: Attempt) -> None:
    """Prove within the caller's transaction that no other attempt was begun since. Raises ``LeaseLostError``."""
    if not is_newest(connection, attempt):
        raise LeaseLostError(
            f"attempt {attempt.number} at {attempt.task!r} of run {attempt.run_id} was given up while it was silent, "
            "and another was made in its place; this one wrote nothing more"
        )


def end(catalog: Catalog, attempt: Attempt) -> None:
    """Say that this process will write nothing more, whether it did its task or failed. Raises ``LeaseLostError``."""
    with catalog.write() as connection:
        check(connection, attempt)
        mine = attempts.c.run_id == attempt.run_id, attempts.c.task == attempt.task
        connection.execute(update(attempts).where(*mine).values(ended=True))


def newest(catalog: Catalog, run_id: int) -> dict[str, int]:
    """Task → the number of its newest attempt: the one whose results count."""
    with catalog.read() as connection:
        rows = connection.execute(select(attempts.c.task, attempts.c.number).where(attempts.c.run_id == run_id))
        return {row.task: row.number for row in rows}


def forget(catalog: Catalog, run_id: int) -> None:
    """Forget the attempts of a run that is closed. Whichever of them wakes up is refused all the same."""
    with catalog.write() as connection:
        connection.execute(delete(attempts).where(attempts.c.run_id == run_id))
