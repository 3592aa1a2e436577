"""Writers of one index, each a process: two at once, one that died with the lease, one that slept through it.

The sleeper stops itself at a chosen call, with every thread; when it wakes up, another has published in the meantime,
and nothing that it still tries may change what anybody reads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import select, update

from penstock import maintenance, manifest, previewing, runs
from penstock.catalog.schema import documents, leases, releases, revisions
from penstock.erasure import erase
from penstock.errors import LeaseHeldError
from penstock.ids import document_id
from penstock.lake import Kind
from support.sleeper import NEVER, Sleeper
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]


def with_lease(make: Make, lease_s: float, catalog: str | None = None) -> Workspace:
    w = make(catalog=catalog)
    store = w.settings.store.model_copy(update={"lease_s": lease_s})
    w.settings = w.settings.model_copy(update={"store": store})
    w.platform = w.open()
    return w


def first_edition(w: Workspace) -> None:
    for name in ("bread", "mill", "ferry", "kiln"):
        w.write(f"{name}.md", f"# {name}\n\nThe {name} opens at six.\n")
    w.allow("kiln.md", ["group:smiths"])
    assert w.sync().release == 1


def second_edition(w: Workspace) -> None:
    """What the sleeper has seen: two edited, one gone, one new, the kiln open to everybody."""
    w.write("bread.md", "# bread\n\nThe bread is sold out, says the sleeper.\n")
    w.write("mill.md", "# mill\n\nThe mill is closed, says the sleeper.\n\nIt stays so.\n")
    w.remove("ferry.md")
    w.write("sleeper.md", "# new\n\nOnly the sleeper saw this.\n")
    w.allow("kiln.md", ["public"])


def third_edition(w: Workspace) -> None:
    """What the second writer sees: other edits, the ferry back, the kiln closed again to all but two."""
    w.write("bread.md", "# bread\n\nThe bread is fresh again.\n")
    w.write("mill.md", "# mill\n\nThe mill opens at six.\n")
    w.write("ferry.md", "# ferry\n\nThe ferry crosses on Sundays.\n")
    w.remove("sleeper.md")
    w.write("late.md", "# late\n\nThis came while the other slept.\n")
    w.allow("kiln.md", ["group:two"])


def everything(w: Workspace) -> dict[str, Any]:
    """All that readers of any release see, and to whom, and what the catalog holds of every document."""
    with w.platform.catalog.read() as connection:
        pointer = manifest.pointer(connection, "main")
        known = [tuple(row) for row in connection.execute(select(documents).order_by(documents.c.id))]
        kept = connection.execute(select(releases).where(releases.c.state == manifest.PUBLISHED)).all()
    rows = {}
    for release in kept:
        collection = w.platform.collection(manifest.collection_of(w.platform.catalog, "main", release.generation))
        rows[repr(release)] = sorted((row.key, row.text, row.principals) for row in collection.rows(release.number))
    return {"pointer": pointer, "documents": known, "rows": rows}


# Two at once


def test_a_second_writer_is_told_who_writes_and_changes_nothing(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, "before:penstock.sync:conclude:1", "sync") as first:
        first.wait_until_asleep()
        before = everything(w)
        with pytest.raises(LeaseHeldError, match=r"index 'main' is being written by run 2 \(sync by .*, pid \d+ on "):
            w.sync()
        assert everything(w) == before
        assert first.wake()[0] == 0
    assert w.sync().message == "nothing changed: 4 documents listed, release 2 stays live"
    assert maintenance.verify(w.platform, "main") == []


def test_a_plan_takes_its_turn_and_changes_nothing_that_anybody_reads(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, "before:penstock.sync:conclude:1", "sync") as first:
        first.wait_until_asleep()
        with pytest.raises(LeaseHeldError, match=r"index 'main' is being written by run 2 \(sync by "):
            previewing.plan(w.platform, "main")
        assert first.wake()[0] == 0
    third_edition(w)
    found = everything(w)["rows"]
    plan = previewing.plan(w.platform, "main")
    assert (plan["new"], plan["changed"], plan["removed"], plan["access_changed"]) == (2, 2, 1, 1)
    assert everything(w)["rows"] == found
    report = w.sync()
    assert (report.release, report.counts["parsed"]) == (3, 0)  # what the plan has made is used
    assert maintenance.verify(w.platform, "main") == []


def test_a_second_writer_that_waits_begins_where_the_first_ended(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, "before:penstock.sync:conclude:1", "sync") as first, ThreadPoolExecutor() as threads:
        first.wait_until_asleep()
        third_edition(w)
        second = threads.submit(w.sync, wait_s=60)
        assert first.wake()[0] == 0
        assert (second.result().state, second.result().release) == ("published", 3)
    assert maintenance.verify(w.platform, "main") == []
    assert w.sync().state == "unchanged"


def test_of_several_that_begin_together_each_works_or_says_who_does(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with ExitStack() as stack:
        ends = [one.end() for one in [stack.enter_context(Sleeper(w, NEVER, "sync")) for _ in range(4)]]
    worked = [code for code, _ in ends].count(0)
    told = ["LeaseHeldError: index 'main' is being written by run " in said for _, said in ends].count(True)
    assert worked >= 1
    assert worked + told == 4, [said.splitlines()[-1:] for _, said in ends]
    assert w.sync().message == "nothing changed: 4 documents listed, release 2 stays live"
    assert maintenance.verify(w.platform, "main") == []


# One that died with the lease

POINTS_OF_DEATH = ("before:penstock.sync:prepare_and_embed:1", "after:penstock.index.lancedb:LanceIndex.add:1")


@pytest.mark.parametrize("point", POINTS_OF_DEATH)
def test_the_lease_of_a_writer_that_died_on_another_machine_is_waited_for(make_workspace: Make, point: str) -> None:
    w = with_lease(make_workspace, 4)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, point, "sync") as dead:
        dead.wait_until_asleep()
        dead.kill()
    with w.platform.catalog.write() as connection:  # nobody here can tell whether it lives
        connection.execute(update(leases).values(holder="run 2 (sync by ann, pid 1 on elsewhere)"))
    with pytest.raises(LeaseHeldError, match=r"written by run 2 .* on elsewhere\); its lease ends in [0-4] s unless"):
        w.sync()
    report = w.sync(wait_s=30)
    assert (report.state, report.release) == ("published", 2)
    assert [run.state for run in runs.recent(w.platform, "main")] == ["published", "failed", "published"]
    assert maintenance.verify(w.platform, "main") == []


# One that slept through its lease

LOST = "LeaseLostError: the lease of index 'main' was taken over while run 2 "
FENCED = "another writer was faster"
POINTS_OF_SLEEP = {
    "listed, rights not changed": "before:penstock.sync:apply_access:1",
    "rights about to be written": "before:penstock.index.lancedb:LanceIndex.set_principals:1",
    "rights half written": "before:penstock.index.lancedb:_update:1",
    "nothing prepared": "before:penstock.sync:prepare_and_embed:1",
    "vectors about to be noted": "before:penstock.embedding.cache:VectorCache.put:1",
    "no release opened": "before:penstock.staging:Stager._open:1",
    "release opened": "after:penstock.staging:Stager._open:1",
    "lease just proved": "after:penstock.leases:prove:2",
    "rows about to be added": "before:penstock.index.lancedb:LanceIndex.add:1",
    "rows half added": "before:penstock.index.lancedb:_merge:1",
    "rows added": "after:penstock.index.lancedb:LanceIndex.add:1",
    "rows about to be retired": "before:penstock.index.lancedb:LanceIndex.retire:1",
    "manifest about to be written": "before:penstock.staging:Stager._close:1",
    "gates not begun": "before:penstock.quality:check:1",
    "verdicts about to be kept": "before:penstock.quality:_keep:1",
    "about to be published": "before:penstock.release:settle:1",
    "counted, about to be published": "after:penstock.release:reconcile:1",
}
SHORT = ("rights half written", "rows half added", "counted, about to be published")


@pytest.mark.parametrize(
    "asleep", [pytest.param(name, marks=[] if name in SHORT else pytest.mark.long) for name in POINTS_OF_SLEEP]
)
def test_a_writer_that_slept_through_its_lease_changes_nothing_when_it_wakes(make_workspace: Make, asleep: str) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, POINTS_OF_SLEEP[asleep], "sync") as sleeper:
        sleeper.wait_until_asleep()
        expire(w)
        publishes_meanwhile(w, sleeper)


def test_a_lease_expires_by_itself_while_its_holder_sleeps(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 6)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, POINTS_OF_SLEEP["rows half added"], "sync") as sleeper:
        sleeper.wait_until_asleep()
        with pytest.raises(LeaseHeldError):
            w.sync()
        publishes_meanwhile(w, sleeper)


def expire(w: Workspace) -> None:
    """The time of a lease goes by."""
    with w.platform.catalog.write() as connection:
        connection.execute(update(leases).values(expires_at=1.0))


def publishes_meanwhile(w: Workspace, sleeper: Sleeper) -> None:
    """Another writer publishes, the sleeper wakes up: it fails, and nobody sees anything else than before."""
    third_edition(w)
    report = w.sync(wait_s=30)
    assert (report.state, report.release) == ("published", 2)
    before = everything(w)
    code, said = sleeper.wake()
    assert code == 1
    last = said.strip().splitlines()[-1]
    assert LOST in last or FENCED in last, said
    assert everything(w) == before
    assert w.sync().message == "nothing changed: 5 documents listed, release 2 stays live"
    assert everything(w) == before
    assert maintenance.verify(w.platform, "main") == []


def test_a_pruning_that_slept_through_its_lease_deletes_nothing_of_a_newer_release(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    assert w.sync().release == 2
    with Sleeper(w, "before:penstock.index.lancedb:LanceIndex.prune:1", "prune", "1") as sleeper:
        sleeper.wait_until_asleep()
        expire(w)
        third_edition(w)
        assert w.sync().release == 3
        before = everything(w)
        code, said = sleeper.wake()
    assert (code, FENCED in said) == (1, True), said
    assert everything(w) == before


def test_a_plan_that_slept_through_an_erasure_brings_nothing_back(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, "before:penstock.pending:PendingRows.flush:1", "plan") as sleeper:
        sleeper.wait_until_asleep()
        expire(w)
        erase(w.platform, "docs", "bread.md", WHO, "asked for")
        code, said = sleeper.wake()
    assert (code, LOST in said.strip().splitlines()[-1]) == (1, True), said
    with w.platform.catalog.read() as connection:
        left = select(revisions.c.sha256).where(revisions.c.document_id == document_id("docs", "bread.md"))
        assert list(connection.execute(left)) == []
    assert not any(b"sold out" in w.platform.lake.get(Kind.BYTES, name) for name in w.platform.lake.names(Kind.BYTES))
    w.platform = w.open()
    assert w.sync().state == "published"
    assert maintenance.verify(w.platform, "main") == []
