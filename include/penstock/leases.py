"""Writers of one index take turns. A lease expires when its holder falls silent; its token fences the late one off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

from sqlalchemy import Connection, select, update

from penstock import attempts
from penstock.attempts import Attempt
from penstock.catalog import Catalog, insert_or_update
from penstock.catalog.schema import leases
from penstock.errors import LeaseHeldError, LeaseLostError, StoreError, TransientError
from penstock.processes import died_here

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one index, for as long as ``token`` is the catalog's."""

    index: str
    holder: str
    token: int
    lease_s: float
    taken_over: bool = False
    """Its last holder did not give it back: it may only sleep, in the middle of a write."""
    attempt: Attempt | None = None
    """At which task this process works, where the tasks of one run share its lease."""


def acquire(catalog: Catalog, index: str, holder: str, lease_s: float, wait_s: float = 0.0) -> Lease:
    """Take the index's lease, or take it over where it has expired; the same holder takes it again.

    Raises ``LeaseHeldError`` naming the holder where it is still held after ``wait_s`` seconds.
    """
    return in_turn(lambda: _try(catalog, index, holder, lease_s), wait_s, min(1.0, lease_s / 10))


def in_turn(work: Callable[[], T], wait_s: float, pause_s: float) -> T:
    """Do what needs a lease; where another holds it again after each pause, until ``wait_s`` seconds are over."""
    deadline = time.monotonic() + wait_s
    while True:
        try:
            return work()
        except LeaseHeldError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(pause_s)


def _try(catalog: Catalog, index: str, holder: str, lease_s: float) -> Lease:
    with catalog.write() as connection:
        insert_or_update(connection, leases, [{"index_name": index, "holder": "nobody", "token": 0, "expires_at": 0.0}])
        row = connection.execute(select(leases).where(leases.c.index_name == index).with_for_update()).one()
        now = catalog.now(connection)
        values = {"holder": holder, "expires_at": now + lease_s}
        if row.expires_at > now and row.holder != holder and not died_here(row.holder):
            raise LeaseHeldError(
                f"index {index!r} is being written by {row.holder}; its lease ends in "
                f"{row.expires_at - now:.0f} s unless it is renewed. Wait for it (--wait SECONDS), or try later"
            )
        connection.execute(update(leases).where(leases.c.index_name == index).values(token=row.token + 1, **values))
        return Lease(index, holder, row.token + 1, lease_s, taken_over=row.expires_at != 0.0)


def holder(connection: Connection, index: str) -> str:
    """Who has the index's lease, or had it last."""
    return str(connection.execute(select(leases.c.holder).where(leases.c.index_name == index)).scalar_one())


def held(connection: Connection, catalog: Catalog, index: str) -> bool:
    """Whether anybody writes the index now."""
    query = select(leases.c.expires_at).where(leases.c.index_name == index)
    return (connection.execute(query).scalar() or 0.0) > catalog.now(connection)


def check(connection: Connection, catalog: Catalog, lease: Lease) -> None:
    """Prove within the caller's transaction that the lease is still ours, and renew it.

    Raises ``LeaseLostError``: somebody took over, so nothing that this writer still wants to write may be written.
    """
    renewed = connection.execute(
        update(leases)
        .where(leases.c.index_name == lease.index, leases.c.token == lease.token)
        .values(expires_at=catalog.now(connection) + lease.lease_s)
    )
    if renewed.rowcount != 1:
        raise LeaseLostError(
            f"the lease of index {lease.index!r} was taken over while {lease.holder} was silent for more than "
            f"{lease.lease_s:.0f} s; nothing more was written. Run it again"
        )
    if lease.attempt is not None:  # after the update, which has attempts at one task wait for one another
        attempts.check(connection, lease.attempt)


def prove(catalog: Catalog, lease: Lease) -> None:
    """``check`` in a transaction of its own."""
    with catalog.write() as connection:
        check(connection, catalog, lease)


def take_over(catalog: Catalog, lease: Lease) -> Lease:
    """The same lease under a new token, so that whoever else still writes under the old one is refused.

    Raises ``LeaseLostError`` where it is somebody else's by now.
    """
    with catalog.write() as connection:
        check(connection, catalog, lease)
        connection.execute(update(leases).where(leases.c.index_name == lease.index).values(token=lease.token + 1))
    return replace(lease, token=lease.token + 1)


def release(catalog: Catalog, lease: Lease) -> None:
    """Give the lease back; harmless where it was lost. The row stays, so that tokens only grow.

    The token changes too: whatever of its holder is still awake, or wakes up, must not renew what was given back.
    """
    with catalog.write() as connection:
        connection.execute(
            update(leases)
            .where(leases.c.index_name == lease.index, leases.c.token == lease.token)
            .values(token=lease.token + 1, expires_at=0.0, holder=f"nobody (last: {lease.holder})")
        )


@contextmanager
def kept_alive(catalog: Catalog, lease: Lease) -> Iterator[None]:
    """Renew the lease from a thread while the block runs.

    A renewal that fails is tried again: where it goes on failing, the block's own writes say why.
    """
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(lease.lease_s / 3):
            try:
                prove(catalog, lease)
            except LeaseLostError:
                return
            except (StoreError, TransientError):
                continue

    thread = threading.Thread(target=renew, name=f"lease-{lease.index}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
