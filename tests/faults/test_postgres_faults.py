"""PostgreSQL that is restarted, or away, in the middle of a sync: the run goes on or fails as transient; the next run
makes the same release, nothing twice and nothing lost (invariant 6).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from sqlalchemy import text, update
from sqlalchemy.engine import make_url

from penstock import maintenance, runs
from penstock.catalog import Catalog
from penstock.catalog.schema import leases
from penstock.errors import TransientError
from support.postgres import OwnPostgres, own_postgres
from support.sleeper import Sleeper
from support.workspace import Workspace

pytestmark = pytest.mark.server

Make = Callable[..., Workspace]
WATCHING = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
WENT_AWAY = r"the catalog at postgresql\+psycopg://penstock@127\.0\.0\.1:\d+/\w+ is busy or went away; try again: "


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as started:
        yield started


@pytest.fixture
def w(make_workspace: Make, server: OwnPostgres) -> Workspace:
    """Release 1 is published, and half of the documents have changed since."""
    w = make_workspace(catalog=server.new_database())
    for n in range(12):
        w.write(f"{n:02}.md", f"Mill {n} ground sacks.")
    assert w.sync().release == 1
    for n in range(6):
        w.write(f"{n:02}.md", f"Mill {n} ground sacks of rye.")
    w.remove("11.md")
    return w


def is_right(w: Workspace) -> None:
    before = {f"Mill {n} ground sacks." for n in range(6, 11)}
    assert w.texts() == before | {f"Mill {n} ground sacks of rye." for n in range(6)}
    assert maintenance.verify(w.platform, "main") == []
    assert w.sync().state == "unchanged"


POINTS = {
    "listed": "before:penstock.sync:apply_access:1",
    "before it prepares": "before:penstock.sync:prepare_and_embed:1",
    "before rows are written": "before:penstock.pending:PendingRows.flush:1",
    "in the middle of a transaction": "after:penstock.leases:check:1",
    "before the index is written": "before:penstock.index.lancedb:LanceIndex.add:1",
    "before the manifest is written": "before:penstock.staging:Stager._close:1",
    "inside the manifest's transaction": "before:penstock.staging:digest_add:1",
    "before the verdicts are kept": "before:penstock.quality:_keep:1",
    "before it is published": "before:penstock.release:settle:1",
    "inside the publishing transaction": "before:penstock.release:point:1",
}
SHORT = ("before the index is written", "inside the manifest's transaction")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
@pytest.mark.parametrize("point", [pytest.param(p, marks=[] if p in SHORT else pytest.mark.long) for p in POINTS])
def test_a_restart_in_the_middle_of_a_sync_costs_at_most_the_run(
    w: Workspace, server: OwnPostgres, point: str, mode: str
) -> None:
    with Sleeper(w, POINTS[point], "sync") as sleeper:
        sleeper.wait_until_asleep()
        server.stop(mode)
        server.start()
        code, said = sleeper.wake()
    goes_on = "transaction" not in point
    assert (code == 0) == goes_on, said
    report = w.sync()
    if goes_on:
        assert (report.state, report.release) == ("unchanged", 2)
    else:
        assert "TransientError: the catalog at postgresql+psycopg://penstock@127.0.0.1:" in said
        assert [run.state for run in runs.recent(w.platform, "main")] == ["published", "failed", "published"]
        assert (report.state, report.release) == ("published", 2)
    is_right(w)


def test_a_catalog_that_is_away_is_transient_and_nothing_is_lost(w: Workspace, server: OwnPostgres) -> None:
    server.stop()
    try:
        with pytest.raises(TransientError, match=WENT_AWAY):
            w.sync()
        with pytest.raises(TransientError, match=WENT_AWAY):
            w.found("mill")
        with pytest.raises(TransientError, match=WENT_AWAY):
            Catalog(w.settings.catalog_url)
    finally:
        server.start()
    assert w.sync().release == 2
    is_right(w)


def test_a_catalog_that_stays_away_ends_the_run_that_it_left(w: Workspace, server: OwnPostgres) -> None:
    with Sleeper(w, POINTS["before the index is written"], "sync") as sleeper:
        sleeper.wait_until_asleep()
        server.stop("immediate")
        try:
            code, said = sleeper.wake()
        finally:
            server.start()
    assert code == 1
    assert "TransientError: the catalog at postgresql+psycopg://penstock@127.0.0.1:" in said.splitlines()[-1]
    report = w.sync()
    assert (report.state, report.release) == ("published", 2)
    assert [run.message for run in runs.recent(w.platform, "main", 2)][1] == "it died: its lease ended without a word"
    is_right(w)


def test_a_server_whose_machine_is_gone_is_noticed_within_a_minute(server: OwnPostgres) -> None:
    """The system's own 15 minutes, or two hours, are no reader's; what the address says goes before ours."""
    for query, patience_ms in (("", 60_000), ("?tcp_user_timeout=9000", 9_000)):
        with closing(Catalog(server.url + query)) as catalog, catalog.read() as connection:
            held = connection.connection.driver_connection
            assert held is not None
            with socket.socket(fileno=os.dup(held.fileno())) as line:
                options = [line.getsockopt(socket.IPPROTO_TCP, name) for name in WATCHING]
            assert options == [30, 10, 3, patience_ms]
            assert held.info.get_parameters()["connect_timeout"] == "20"


def test_locks_of_a_writer_that_sleeps_in_a_transaction_are_let_go(w: Workspace, server: OwnPostgres) -> None:
    """The server ends the session after the time that whoever runs it allows, here five seconds."""
    name = make_url(w.settings.catalog_url).database
    with w.platform.catalog.write() as connection:
        connection.execute(text(f"alter database {name} set idle_in_transaction_session_timeout = '5s'"))
    w.platform.close()
    with Sleeper(w, POINTS["inside the manifest's transaction"], "sync") as sleeper:
        sleeper.wait_until_asleep()
        with w.platform.catalog.write() as connection:
            connection.execute(update(leases).values(expires_at=1.0))
        report = w.sync()
        assert (report.state, report.release) == ("published", 2)
        code, said = sleeper.wake()
    assert code == 1
    assert "TransientError: the catalog at" in said
    is_right(w)
