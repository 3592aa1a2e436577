"""Two attempts at one task of a run: the first is given up by the scheduler and only sleeps, the second does the task.

The first is a process that stopped itself at a chosen call, also in the middle of a store write. When it wakes up
nothing that it still tries may change what the run has made of the task since.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faults.test_writers import everything, first_edition, second_edition, third_edition, with_lease
from penstock import maintenance, runs, steps
from penstock.lake import Kind
from penstock.runs import RunReport
from support.sleeper import Sleeper
from support.workspace import Workspace

Make = Callable[..., Workspace]
GIVEN_UP = "LeaseLostError: attempt 1 at {!r} of run 2 was given up while it was silent, and another was made in its"
FENCED = "another writer was faster"
NAME = "dag/1"
STEPS: dict[str, tuple[int, ...]] = {
    "prepare": (2, 0),
    "collect": (2,),
    "embed": (2, 0),
    "stage": (2,),
    "check": (2, 2),
    "publish": (2, 2),
}
"""Every step after ``start``, with its run, and its batch or release."""
POINTS_OF_SLEEP = {
    "bytes about to be noted": ("prepare", "before:penstock.pending:PendingRows.flush:1"),
    "texts handed on": ("prepare", "after:penstock.steps:_hand_over:1"),
    "texts gathered": ("collect", "before:penstock.runs:save:1"),
    "release opened": ("stage", "after:penstock.staging:Stager._open:1"),
    "lease just proved": ("stage", "after:penstock.leases:prove:1"),
    "rows half added": ("stage", "before:penstock.index.lancedb:_merge:1"),
    "rows added": ("stage", "after:penstock.index.lancedb:LanceIndex.add:1"),
    "rows about to be retired": ("stage", "before:penstock.index.lancedb:LanceIndex.retire:1"),
    "manifest about to be written": ("stage", "before:penstock.staging:Stager._close:1"),
    "verdicts about to be kept": ("check", "before:penstock.quality:_keep:1"),
    "counted, about to be published": ("publish", "after:penstock.release:reconcile:1"),
    "published, about to be closed": ("publish", "before:penstock.runs:finish:1"),
}
SHORT = ("rows half added",)
"""What the others add is one more place in the same code: those are long."""


@pytest.mark.parametrize(
    "asleep", [pytest.param(name, marks=[] if name in SHORT else pytest.mark.long) for name in POINTS_OF_SLEEP]
)
def test_an_attempt_that_was_given_up_writes_nothing_when_it_wakes(make_workspace: Make, asleep: str) -> None:
    w = begun(make_workspace)
    task, point = POINTS_OF_SLEEP[asleep]
    order = list(STEPS)
    for step in order[: order.index(task)]:
        do(w, step)
    with Sleeper(w, point, task, *map(str, STEPS[task])) as sleeper:
        sleeper.wait_until_asleep()
        do(w, task)
        before = everything(w), runs.report(w.platform, 2)
        code, said = sleeper.wake()
        named = f"{task}-0" if task == "prepare" else task
        assert (code, GIVEN_UP.format(named) in said.strip().splitlines()[-1]) == (1, True), said
        assert (everything(w), runs.report(w.platform, 2)) == before
    for step in order[order.index(task) + 1 :]:
        do(w, step)
    is_right(w, steps.end(w.open(), NAME))


def test_an_attempt_that_wakes_after_its_run_ended_writes_nothing(make_workspace: Make) -> None:
    w = begun(make_workspace)
    for step in ("prepare", "collect", "embed"):
        do(w, step)
    with Sleeper(w, POINTS_OF_SLEEP["rows half added"][1], "stage", "2") as sleeper:
        sleeper.wait_until_asleep()
        for step in ("stage", "check", "publish"):
            do(w, step)
        report = steps.end(w.open(), NAME)
        rows = everything(w)
        code, said = sleeper.wake()
        assert (code, FENCED in said) == (1, True), said
        assert everything(w) == rows
    assert report == runs.report(w.platform, 2)
    is_right(w, report)


@pytest.mark.parametrize("how", ["started again", pytest.param("ended", marks=pytest.mark.long)])
def test_a_start_that_was_given_up_changes_no_rights_when_it_wakes(make_workspace: Make, how: str) -> None:
    w = with_lease(make_workspace, 60)
    first_edition(w)
    second_edition(w)
    with Sleeper(w, "before:penstock.index.lancedb:_update:1", "start", NAME) as sleeper:
        sleeper.wait_until_asleep()
        w.allow("kiln.md", ["group:two"])  # the sleeper saw it open to everybody
        if how == "ended":
            report = steps.end(w.open(), NAME)
            assert report is not None
            assert report.state == "failed"
            again = "dag/2"
        else:
            again = NAME
        w.platform = w.open()
        if how == "started again":
            assert steps.start(w.platform, "main", again)["run"] == 3
        before = everything(w)
        code, said = sleeper.wake()
        assert (code, FENCED in said) == (1, True), said
        assert everything(w) == before
    steps.end(w.open(), again)
    third_edition(w)
    assert w.sync().state == "published"
    assert w.found("the kiln opens", principals=("group:two",), k=1) == ["kiln.md"]
    assert "kiln.md" not in w.found("the kiln opens")
    assert maintenance.verify(w.platform, "main") == []


def test_batches_of_one_run_work_side_by_side(make_workspace: Make) -> None:
    w = with_lease(make_workspace, 60)
    store = w.settings.store.model_copy(update={"batch_mb": 0.00002})
    w.settings = w.settings.model_copy(update={"store": store})
    first_edition(w)
    second_edition(w)
    batches = steps.start(w.open(), "main", NAME)["batches"]
    assert batches > 1
    with Sleeper(w, POINTS_OF_SLEEP["bytes about to be noted"][1], "prepare", "2", "0") as slow:
        slow.wait_until_asleep()
        for batch in range(1, batches):
            steps.prepare(w.open(), 2, batch)
        assert slow.wake()[0] == 0
    for step in list(STEPS)[1:]:
        do(w, step)
    is_right(w, steps.end(w.open(), NAME))


def begun(make: Make) -> Workspace:
    """A published release, a day's work on the folder, and the next run begun."""
    w = with_lease(make, 60)
    first_edition(w)
    second_edition(w)
    assert steps.start(w.open(), "main", NAME) == {"run": 2, "batches": 1}
    return w


def do(w: Workspace, step: str) -> None:
    """One step, by a process of its own as far as stores can tell."""
    platform = w.open()
    getattr(steps, step)(platform, *STEPS[step])
    platform.catalog.close()


def is_right(w: Workspace, report: RunReport | None) -> None:
    assert report is not None
    assert (report.state, report.release, report.message) == ("published", 2, "release 2 is live")
    assert list(w.platform.lake.names(Kind.WORK)) == []
    assert w.sync().message == "nothing changed: 4 documents listed, release 2 stays live"
    assert maintenance.verify(w.platform, "main") == []
