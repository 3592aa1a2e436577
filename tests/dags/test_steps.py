"""The line cut into tasks does what ``sync`` does, and any task may be tried again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, update

from penstock import evaluation, leases, release, runs, steps
from penstock.catalog.schema import releases
from penstock.decisions import Who, history
from penstock.errors import ConfigError, LeaseHeldError, RefusedError, UsageError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.runs import RunReport
from penstock.settings import Settings, StoreSettings
from support.past import LETTER
from support.workspace import Workspace

Make = Callable[..., Workspace]
TEXTS = {
    "ferry.md": "# Ferry\n\nThe ferry crosses the river at dawn.\n\n## Fares\n\nA crossing costs four crowns.\n",
    "bread.md": "# Bread\n\nThe baker bakes rye bread on Fridays.\n",
    "copy.md": "# Bread\n\nThe baker bakes rye bread on Fridays.\n",
    "broken.pdf": "this is no PDF",
    "mill.html": "<html><body><h1>Mill</h1><p>The miller grinds barley in the old mill.</p></body></html>",
}


def filled(w: Workspace) -> Workspace:
    for key, text in TEXTS.items():
        w.write(key, text)
    w.write("keys.eml", LETTER)
    return w


def run_steps(w: Workspace, external: str = "dag/1", again: bool = False, **options: Any) -> RunReport:
    """Every step in a process of its own, as far as stores can tell; ``again`` repeats each one."""

    def step(work: Callable[[Platform], Any]) -> Any:
        for _ in range(2 if again else 1):
            platform = w.open()
            result = work(platform)
            platform.catalog.close()
        return result

    platform = w.open()
    begun = steps.start(platform, "main", external, **options)
    run = begun["run"]
    for batch in range(begun["batches"]):
        step(lambda p, b=batch: steps.prepare(p, run, b))
    for batch in range(step(lambda p: steps.collect(p, run))):
        step(lambda p, b=batch: steps.embed(p, run, b))
    number = step(lambda p: steps.stage(p, run))
    if number is not None:
        step(lambda p: steps.check(p, run, number))
        step(lambda p: steps.publish(p, run, number))
    report = step(lambda p: steps.end(p, external))
    assert list(platform.lake.names(Kind.WORK)) == []
    assert isinstance(report, RunReport)
    return report


def same(a: RunReport, b: RunReport) -> None:
    left, right = a.to_dict(), b.to_dict()
    for own in ("id", "seconds", "started_at", "finished_at", "external"):
        left.pop(own)
        right.pop(own)
    assert left == right


def test_the_steps_report_what_a_sync_reports_of_the_same_changes(make_workspace: Make) -> None:
    whole, cut = filled(make_workspace("whole")), filled(make_workspace("cut"))
    same(run_steps(cut, "dag/1"), whole.sync())
    same(run_steps(cut, "dag/2"), whole.sync())
    for w in (whole, cut):
        w.write("ferry.md", TEXTS["ferry.md"].replace("four", "five"))
        w.write("new.md", "# New\n\nA new page.\n")
        w.remove("mill.html")
    changed = run_steps(cut, "dag/3")
    same(changed, whole.sync())
    assert (changed.state, changed.counts["new"], changed.counts["changed"], changed.counts["removed"]) == (
        "published", 1, 1, 1,
    )  # fmt: skip
    assert cut.texts() == whole.texts()


def test_golden_questions_are_asked_in_the_gate_step_and_once_however_often_it_runs(make_workspace: Make) -> None:
    w = make_workspace()
    path = w.root / "golden.jsonl"
    line = {"id": "fare", "question": "what does a crossing cost", "keys": ["ferry.md"], "span": "four crowns"}
    path.write_text(json.dumps(line | {"must_pass": True}))
    w.change_index(gates=w.settings.index("main").gates.model_copy(update={"golden": path}))
    assert run_steps(filled(w), "dag/1", again=True).state == "published"
    w.write("ferry.md", TEXTS["ferry.md"].replace("four", "five"))
    refused = run_steps(w, "dag/2", again=True)
    assert (refused.state, "must-pass: 1 of 1 fail: fare" in refused.message) == ("waiting", True)
    w.remove("ferry.md")
    assert run_steps(w, "dag/3", again=True).state == "published"
    asked = [(one["release"], one["via"], one["asked"]) for one in evaluation.history(w.platform, "main")]
    assert asked == [(1, "gate", 1), (2, "gate", 1), (3, "gate", 0)]


def test_a_rebuild_in_steps_reports_what_a_reindex_reports(make_workspace: Make) -> None:
    whole, cut = filled(make_workspace("whole")), filled(make_workspace("cut"))
    for w in (whole, cut):
        w.sync()
        w.change_index(fields=("team", "year"))
    same(run_steps(cut, rebuild=True), whole.reindex())


def test_batches_are_balanced_and_change_nothing(make_workspace: Make) -> None:
    whole, cut = filled(make_workspace("whole")), filled(make_workspace("cut"))
    for w in (whole, cut):
        w.remove("copy.md")  # whether equal bytes are parsed twice depends on who meets them first
    cut.settings = cut.settings.model_copy(update={"store": StoreSettings(batch_mb=0.0002)})
    begun = steps.start(cut.open(), "main", "dag/look")
    assert begun["batches"] > 2
    steps.end(cut.open(), "dag/look")
    same(run_steps(cut), whole.sync())
    cut.change_index(fields=("team", "year"))
    assert steps.start(cut.open(), "main", "dag/rebuild", rebuild=True)["batches"] > 2


def test_every_step_may_be_repeated(make_workspace: Make) -> None:
    once, twice = filled(make_workspace("once")), filled(make_workspace("twice"))
    a, b = run_steps(once), run_steps(twice, again=True)
    assert (a.state, a.release) == (b.state, b.release) == ("published", 1)
    assert once.texts() == twice.texts()
    assert a.counts["texts"] == b.counts["texts"]
    assert a.counts["embedded"] == b.counts["embedded"] > 0


def test_a_run_that_fails_is_closed_by_its_end_with_the_reason(make_workspace: Make) -> None:
    w = filled(make_workspace())
    platform = w.open()
    run = steps.start(platform, "main", "dag/1")["run"]
    platform.lake.delete(Kind.WORK, [f"{run}-batch-0.json"])
    with pytest.raises(Exception, match=r"batch-0\.json is missing"):
        steps.prepare(platform, run, 0)
    with pytest.raises(LeaseHeldError):
        steps.start(w.open(), "main", "dag/2")
    report = steps.end(w.open(), "dag/1")
    assert report is not None
    assert report.state == "failed"
    assert "batch-0.json is missing" in report.message
    with pytest.raises(UsageError, match=f"run {run} has ended .failed: .*; start a new one"):
        steps.collect(w.open(), run)
    assert run_steps(w, "dag/3").state == "published"


def test_a_start_that_died_is_closed_by_its_next_try(make_workspace: Make) -> None:
    w = filled(make_workspace())
    dead = steps.start(w.open(), "main", "dag/1")["run"]
    assert run_steps(w, "dag/1").state == "published"
    report = runs.report(w.platform, dead)
    assert (report.state, report.message) == ("failed", "its first task died and was started again")


def test_a_step_whose_lease_was_taken_over_writes_nothing(make_workspace: Make) -> None:
    w = filled(make_workspace())
    run = steps.start(w.open(), "main", "dag/1")["run"]
    taken = runs.resume_run(w.platform, run).lease
    leases.release(w.platform.catalog, taken)
    other = leases.acquire(w.platform.catalog, "main", "somebody else", 60)
    with pytest.raises(Exception, match="the lease of index 'main' was taken over"):
        steps.prepare(w.open(), run, 0)
    steps.end(w.open(), "dag/1")
    with w.platform.catalog.write() as connection:
        leases.check(connection, w.platform.catalog, other)


def test_counts_that_do_not_add_up_publish_nothing(make_workspace: Make) -> None:
    w = filled(make_workspace())
    platform = w.open()
    run = steps.start(platform, "main", "dag/1")["run"]
    steps.prepare(platform, run, 0)
    for batch in range(steps.collect(platform, run)):
        steps.embed(platform, run, batch)
    number = steps.stage(platform, run)
    assert number == 1
    steps.check(platform, run, number)
    wrong = runs.resume_run(platform, run)
    wrong.counts["listed"] += 1
    runs.save(platform, wrong)
    with pytest.raises(Exception, match="of 7 listed documents 6 are accounted for; release 1 is not published"):
        steps.publish(platform, run, number)
    with platform.catalog.read() as connection:
        assert connection.execute(select(releases.c.state)).scalar() == "staging"


def test_an_unknown_source_of_the_index_is_refused(make_workspace: Make) -> None:
    w = filled(make_workspace())
    with pytest.raises(UsageError, match="source 'nope' does not feed index 'main'; its sources: docs"):
        steps.start(w.open(), "main", "dag/1", only="nope")


class TestDecide:
    @pytest.fixture
    def refused(self, make_workspace: Make) -> Workspace:
        w = filled(make_workspace(gates={"max_removed_share": 0.1}))
        w.sync()
        w.remove("ferry.md")
        report = run_steps(w)
        assert (report.state, report.release) == ("waiting", 2)
        assert steps.release_of(w.platform, "dag/1") == 2
        assert steps.waits(w.platform, "main", 2)
        return w

    def test_no_reason_decides_nothing_and_burns_nothing(self, refused: Workspace) -> None:
        for approved in (True, False):
            found = steps.decide(refused.platform, "main", 2, approved, Who("ann", "airflow"), "  \n")
            assert found == {"published": False, "message": "release 2 still waits: a decision needs a reason"}
        assert steps.waits(refused.platform, "main", 2)

    def test_an_approval_publishes_once_and_says_so_again_when_repeated(self, refused: Workspace) -> None:
        who = Who("ann", "airflow")
        first = steps.decide(refused.platform, "main", 2, True, who, "the ferry closed")
        assert first == {"published": True, "message": "release 2 of main is live, approved by ann"}
        again = steps.decide(refused.platform, "main", 2, True, who, "the ferry closed")
        assert again["published"]
        with pytest.raises(RefusedError, match=r"'main' was decided before: approve by ann \(the ferry closed\)"):
            steps.decide(refused.platform, "main", 2, True, Who("bob", "airflow"), "me too")
        assert [(one["who"], one["via"]) for one in history(refused.platform.catalog)] == [("ann", "airflow")]

    def test_a_rejection_publishes_nothing(self, refused: Workspace) -> None:
        for _try in range(2):  # the task died after it decided, and was started again
            found = steps.decide(refused.platform, "main", 2, False, Who("ann", "airflow"), "a wrong prefix")
            assert not found["published"]
        assert not steps.waits(refused.platform, "main", 2)
        assert refused.found("the ferry crosses")[0] == "ferry.md"

    def test_what_was_superseded_or_decided_elsewhere_is_said(self, refused: Workspace) -> None:
        refused.write("new.md", "# New\n\nA page.\n")
        refused.sync()
        with pytest.raises(RefusedError, match="superseded"):
            steps.decide(refused.platform, "main", 2, True, Who("ann", "airflow"), "fine")
        release.reject(refused.platform, "main", 3, Who("bob"), "no")
        with pytest.raises(RefusedError, match=r"decided before: reject by bob \(no\)"):
            steps.decide(refused.platform, "main", 3, True, Who("ann", "airflow"), "fine")


def test_publishing_again_after_the_task_died_reports_the_publication(make_workspace: Make) -> None:
    w = filled(make_workspace())
    platform = w.open()
    run = steps.start(platform, "main", "dag/1")["run"]
    steps.prepare(platform, run, 0)
    for batch in range(steps.collect(platform, run)):
        steps.embed(platform, run, batch)
    assert steps.stage(platform, run) == 1
    steps.check(platform, run, 1)
    release.settle(
        platform, "main", 1, runs.resume_run(platform, run).lease
    )  # the task died between the pointer's move and the run's end
    assert steps.publish(platform, run, 1).state == "published"
    assert steps.publish(platform, run, 1).state == "published"


@pytest.mark.parametrize("executor", ["LocalExecutor", "airflow.executors.local_executor.LocalExecutor"])
def test_one_machine_may_keep_its_stores_to_itself(workspace: Workspace, executor: str) -> None:
    steps.require_shared_stores(workspace.settings, executor)


@pytest.mark.parametrize("executor", ["CeleryExecutor", "LocalExecutor,KubernetesExecutor", "team:CeleryExecutor"])
def test_many_machines_need_shared_stores(workspace: Workspace, executor: str) -> None:
    with pytest.raises(ConfigError) as found:
        steps.require_shared_stores(workspace.settings, executor)
    assert str(found.value) == (
        f"{workspace.settings.file}: under {executor} tasks run on several machines, but store.catalog is SQLite (name "
        "a PostgreSQL: postgresql://…); store.lake is a local folder (name a bucket: s3://bucket/prefix); store.index "
        "is a local folder (name a bucket or a server). Or run one machine: AIRFLOW__CORE__EXECUTOR=LocalExecutor"
    )
    shared = StoreSettings(catalog="postgresql://db/x", lake="s3://b/lake", index="s3://b/index")
    steps.require_shared_stores(Settings(store=shared), executor)


def test_a_dead_release_number_does_not_wait(make_workspace: Make) -> None:
    w = filled(make_workspace())
    w.sync()
    assert steps.release_of(w.platform, "dag/never") is None
    assert steps.end(w.platform, "dag/never") is None
    with w.platform.catalog.write() as connection:
        connection.execute(update(releases).values(state="pruned"))
    assert not steps.waits(w.platform, "main", 1)
