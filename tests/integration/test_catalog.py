"""The catalog opens, migrates, refuses what is newer, and hands out leases, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from traceback import format_exception

import pytest
from sqlalchemy import inspect, text

from penstock import leases, processes
from penstock.catalog import HEAD, Catalog
from penstock.catalog.migrate import known_versions
from penstock.catalog.schema import metadata
from penstock.errors import ConfigError, LeaseHeldError, LeaseLostError, StoreError, TransientError


@pytest.fixture
def catalog(catalog_url: str) -> Catalog:
    return Catalog(catalog_url)


def test_head_is_the_last_migration() -> None:
    assert max(known_versions()) == HEAD


def test_the_migrations_make_the_tables_that_the_code_reads(catalog: Catalog) -> None:
    found = inspect(catalog.engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column["nullable"] for column in found.get_columns(table.name)}
        assert columns == {column.name: bool(column.nullable) for column in table.columns}, table.name
        indexes = {tuple(one["column_names"]) for one in found.get_indexes(table.name)}
        assert indexes == {tuple(c.name for c in one.columns) for one in table.indexes}, table.name


def test_a_catalog_of_a_newer_penstock_is_refused_and_left_alone(catalog: Catalog) -> None:
    with catalog.write() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StoreError, match=f"the catalog is at version 9999, this code knows up to {HEAD}:"):
        Catalog(catalog.url)
    assert catalog.version() == "9999"


NAMED = "store.catalog (or PENSTOCK_CATALOG)"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "mysqlite//hunter2",
            " is not a database URL; write sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATA",
        ),
        ("mysql://u:hunter2@h/x", " begins with 'mysql', which is no database for a catalog; write sqlite:///PATH or "),
        ("postgresql+none://u:hunter2@h/x", " begins with 'postgresql+none', which is no database for a catalog; "),
        (
            "postgres://u:hunter2@h:port/x",
            ": the port is no number; in a password write '@' as %40 and ':', '/', '%' as ",
        ),
        ("postgres://u:hun@hunter2@h/x", ": there is an '@' too many; in a password write '@' as %40 and "),
        ("postgres://u:hun@h/hunter2@h/x", ": there is an '@' too many; "),
    ],
)
def test_an_address_that_will_not_do_is_named_and_not_shown(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Catalog(url)
    assert str(caught.value).startswith(NAMED + said)
    assert "hunter2" not in "".join(format_exception(caught.value))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_no_password_is_shown_wherever_the_address_has_it(scheme: str) -> None:
    url = f"{scheme}://u:hunter2@127.0.0.1:9/x?password=hunter2&connect_timeout=2"
    with pytest.raises(TransientError) as caught:
        Catalog(url)
    assert "the catalog at postgresql+psycopg://u:***@127.0.0.1:9/x " in str(caught.value)
    assert "hunter2" not in "".join(format_exception(caught.value))


def test_two_processes_that_start_together_both_open(catalog_url: str) -> None:
    opened: list[str | None] = []
    threads = [threading.Thread(target=lambda: opened.append(Catalog(catalog_url).version())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [HEAD] * 4


def test_a_file_that_another_process_makes_at_this_moment_is_waited_for(tmp_path: Path) -> None:
    """To a change of its journal SQLite answers "database is locked" at once, whatever was said of waiting."""
    file = tmp_path / "catalog.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    other.execute("create table at_work (at int)")
    opened: list[str | None] = []
    opening = threading.Thread(target=lambda: opened.append(Catalog(f"sqlite:///{file}").version()))
    opening.start()
    opening.join(0.3)
    other.execute("commit")
    other.close()
    opening.join()
    assert opened == [HEAD]


def test_a_second_writer_is_told_who_writes(catalog: Catalog) -> None:
    first = leases.acquire(catalog, "main", "run 1", lease_s=60)
    with pytest.raises(LeaseHeldError, match=r"index 'main' is being written by run 1; its lease ends in \d+ s"):
        leases.acquire(catalog, "main", "run 2", lease_s=60)
    assert leases.acquire(catalog, "other", "run 2", lease_s=60).token == 1
    leases.release(catalog, first)
    assert leases.acquire(catalog, "main", "run 2", lease_s=60).token > first.token


def test_what_was_given_back_is_not_renewed(catalog: Catalog) -> None:
    """The thread that keeps a lease alive, or a process that was thought dead, may still try."""
    given_back = leases.acquire(catalog, "main", "run 1", lease_s=60)
    leases.release(catalog, given_back)
    with pytest.raises(LeaseLostError):
        leases.prove(catalog, given_back)
    assert not leases.acquire(catalog, "main", "run 2", lease_s=60).taken_over


def test_a_dead_writers_lease_expires_and_the_late_one_is_fenced_off(catalog: Catalog) -> None:
    late = leases.acquire(catalog, "main", "run 1", lease_s=-1)
    leases.acquire(catalog, "main", "run 2", lease_s=60)
    with pytest.raises(LeaseLostError, match="taken over while run 1 was silent"), catalog.write() as connection:
        leases.check(connection, catalog, late)
    leases.release(catalog, late)
    with pytest.raises(LeaseHeldError, match="written by run 2"):
        leases.acquire(catalog, "main", "run 3", lease_s=60)


def test_nobody_waits_for_a_process_of_this_machine_that_is_dead(catalog: Catalog) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = processes.this_process()
    first = leases.acquire(catalog, "main", f"run 1 (sync by a, {here})", lease_s=60)
    with pytest.raises(LeaseHeldError, match="run 1"):
        leases.acquire(catalog, "main", "run 2", lease_s=60)
    leases.release(catalog, first)
    gone = here.replace(f"pid {os.getpid()}", f"pid {dead.pid}")
    leases.acquire(catalog, "main", f"run 3 (sync by a, {gone})", lease_s=60)
    assert leases.acquire(catalog, "main", "run 4", lease_s=60).taken_over
    assert not processes.died_here(f"run 5 (sync by a, pid {dead.pid} on another-machine)")


def test_of_many_that_want_it_one_gets_the_lease(catalog: Catalog) -> None:
    got: list[int] = []
    refused: list[str] = []

    def want(n: int) -> None:
        try:
            got.append(leases.acquire(catalog, "main", f"run {n}", lease_s=60).token)
        except LeaseHeldError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=want, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 7)


def test_a_lease_is_kept_alive_while_its_holder_works(catalog: Catalog) -> None:
    lease = leases.acquire(catalog, "main", "run 1", lease_s=0.6)
    with leases.kept_alive(catalog, lease), pytest.raises(LeaseHeldError):
        leases.acquire(catalog, "main", "run 2", lease_s=60, wait_s=1.5)
