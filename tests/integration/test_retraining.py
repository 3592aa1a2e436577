"""From complaints to a model that serves, or to the reason why none does: whole retrainings, on tiny real parts."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import func, select, update

from penstock import inspection, leases, maintenance, manifest, release, retraining, runs
from penstock.catalog.schema import comparisons, models, training_sets
from penstock.catalog.schema import leases as leases_table
from penstock.decisions import Who
from penstock.errors import LeaseHeldError, ModelError, RefusedError, UsageError
from penstock.parsing import ParserPool
from penstock.promotion import records
from penstock.promotion.promoting import demote, promote
from penstock.purposes import Purpose
from penstock.retraining import steps
from penstock.retraining.bookkeeping import learned
from penstock.runs import RunReport
from penstock.settings import ParserSettings
from penstock.standing import standing
from support import complaints, tuning
from support.workspace import Workspace

pytest.importorskip("torch", reason="the extra `train` is not installed")
WHO = Who("ann", "cli")
NOBODY_HELPED = "nothing: nobody complained of 0 interactions"


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, pools: dict[ParserSettings, ParserPool]) -> Path:
    """An installation whose first retraining, run 2, passed the gate and waits for a person."""
    import torch

    torch.set_num_threads(1)  # of such small models two on busy cores wait for one another most of the time
    root = tmp_path_factory.mktemp("retraining") / "w"
    w = Workspace(root, pools)
    complaints.fill(w)
    report = retraining.retrain(w.platform, "main", None, WHO, False)
    model = retraining.facts_of(w.platform, report.id)["model"]
    assert (report.state, report.message, report.exit_code) == (
        "waiting",
        f'model {model} passed the gate and waits for a person: `penstock promote main {model} --why "..."`',
        1,
    )
    w.platform.close()
    return root


@pytest.fixture
def w(waiting: Path, make_workspace: Callable[..., Workspace]) -> Workspace:
    """A copy of it."""
    made = make_workspace()
    made.platform.close()
    shutil.rmtree(made.root)
    shutil.copytree(waiting, made.root)
    made.platform = made.open()
    complaints.configure(made)
    return made


def first(w: Workspace) -> dict[str, Any]:
    """What the retraining that waits found."""
    return retraining.facts_of(w.platform, 2)


def champion(w: Workspace) -> tuple[int | None, dict[str, str]]:
    with w.platform.catalog.read() as connection:
        return manifest.pointer(connection, "main")[0], dict(manifest.champions(connection, "main"))


def count(w: Workspace, table: Any) -> int:
    with w.platform.catalog.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def retrained(w: Workspace, purpose: Purpose | None = None, approve: bool = False) -> RunReport:
    return retraining.retrain(w.platform, "main", purpose, WHO, approve)


def begun_with(w: Workspace, external: str | None = None, **facts: Any) -> int:
    """A retraining under way whose steps found ``facts``."""
    run = retraining.begin(w.platform, "main", external=external)
    learned(w.platform, run, **facts)
    return run


def test_a_retraining_finds_what_was_wrong_and_how_much_better_it_got(w: Workspace) -> None:
    facts, report = first(w), runs.report(w.platform, 2)
    assert facts["purpose"] == "embedder"
    assert facts["why"] == "there are 81 questions with a document that is known to be right, 50 are needed"
    assert report.counts == {"examples": 81}
    assert list(report.seconds) == ["look", "assemble", "tune", "judge"]
    asked = retraining.question(w.platform, 2)
    assert asked["subject"] == f"Should model {facts['model']} become the embedder of main?"
    assert asked["body"].startswith(f"Why it was trained: {facts['why']}.\n\n* 0.")
    assert " test questions, look 1\n* its time for a query, of the champion's: " in asked["body"]
    assert asked["body"].endswith(
        "It goes live with release 2, which it was judged on; if a sync has superseded that by then, an approval has "
        "it compared again first."
    )
    assert champion(w) == (1, {}), "nobody decided yet"


def found_first(w: Workspace) -> int:
    """How many of the questions find their document in the first place."""
    return sum(w.found(question, k=1) == [key] for key, (question, _sentence) in complaints.pages().items())


def test_a_person_who_approves_makes_it_the_champion(w: Workspace) -> None:
    model, before = first(w)["model"], found_first(w)
    report = retraining.decide(w.platform, 2, True, WHO, "it finds what they meant")
    serves = f"embedder {model} serves main, with release 2, promoted by ann"
    assert (report.state, report.release, report.message, report.exit_code) == ("promoted", 2, serves, 0)
    assert champion(w) == (2, {"embedder": model})
    assert found_first(w) > before + len(complaints.pages()) / 4
    again = retraining.decide(w.platform, 2, False, Who("bob", "cli"), "no")
    assert again == report, "the first decision stands"


def test_a_person_who_rejects_leaves_why(w: Workspace) -> None:
    model = first(w)["model"]
    report = retraining.decide(w.platform, 2, False, WHO, "not before the holidays ")
    assert (report.state, report.message, report.exit_code) == (
        "refused",
        f"embedder {model} was rejected by ann: not before the holidays",
        0,
    )
    assert champion(w) == (1, {})
    assert [(one["what"], one["why"]) for one in inspection.log(w.platform, "main")] == [
        ("reject-model", f"embedder {model}: not before the holidays")
    ]
    retraining.decide(w.platform, 2, False, WHO, "not before the holidays ")
    assert len(inspection.log(w.platform, "main")) == 1, "a task that is tried again decides nothing twice"


def test_without_a_reason_nothing_is_decided(w: Workspace) -> None:
    assert retraining.decide(w.platform, 2, True, WHO, "  ") == runs.report(w.platform, 2)
    assert runs.report(w.platform, 2).state == "waiting"
    assert champion(w) == (1, {})


def test_who_promotes_by_hand_was_faster(w: Workspace) -> None:
    model = first(w)["model"]
    promote(w.platform, "main", model, WHO, "it finds more")
    promoted = f"embedder {model} was promoted with release 2 by ann: it finds more"
    assert standing(w.platform, runs.report(w.platform, 2)) == ("promoted", promoted)
    report = retraining.decide(w.platform, 2, True, Who("bob", "airflow"), "me too")
    assert (report.state, report.message) == ("promoted", f"embedder {model} serves main, with release 2")


def overtaken(w: Workspace) -> str:
    """The challenger that waits, whose release a sync has superseded."""
    w.write("new.md", "keeper says something new\n")
    assert w.sync().release == 3
    return str(first(w)["model"])


def test_an_approval_that_a_sync_overtook_has_the_challenger_compared_again(w: Workspace) -> None:
    model = overtaken(w)
    passed = f'model {model} passed the gate and waits for a person: `penstock promote main {model} --why "..."`'
    late = (
        f"release 2 of 'main', which {model} was judged on, is superseded by now; run `penstock compare main {model}`"
    )
    says = f"{passed}; {late} (what it embedded is kept). An approval in Airflow does that by itself"
    assert standing(w.platform, runs.report(w.platform, 2)) == ("waiting", says)
    report = retraining.decide(w.platform, 2, True, WHO, "go")
    assert (report.state, report.release) == ("promoted", 4)
    assert champion(w) == (4, {"embedder": model})
    assert count(w, comparisons) == 2
    assert first(w)["comparison"] == 2, "its report shows the figures by which it took over"
    assert "new.md" in w.found("something new", k=82)
    assert retraining.decide(w.platform, 2, True, WHO, "go") == report, "a task that is tried again does nothing more"
    assert count(w, comparisons) == 2


def test_compared_again_a_challenger_may_lose(w: Workspace) -> None:
    overtaken(w)
    complaints.configure(w, {"gate": {**complaints.ENOUGH["gate"], "min_gain": 0.999}})
    report = retraining.decide(w.platform, 2, True, WHO, " go")
    assert (report.state, report.exit_code) == ("refused", 0)
    assert report.message.startswith(
        "ann approved it (go); compared again since, it did not pass: keep-champion: the gain of +0."
    )
    assert champion(w) == (3, {})
    assert runs.report(w.platform, 2).finished_at


def test_an_approval_that_cannot_be_carried_out_fails_and_says_why(w: Workspace) -> None:
    with w.platform.catalog.write() as connection:
        connection.execute(update(models).values(tainted=[7]))
    words = (
        f"something that embedder {first(w)['model']} was trained on was erased since (decision 7); train another "
        "without it, or --override"
    )
    with pytest.raises(RefusedError, match=re.escape(words)):
        retraining.decide(w.platform, 2, True, WHO, "go")
    assert (runs.report(w.platform, 2).state, runs.report(w.platform, 2).message) == ("failed", words)
    assert champion(w) == (1, {})


@pytest.mark.parametrize(("at", "looks"), [((records, "end"), 3), ((steps, "learned"), 2)])
def test_an_approval_that_is_killed_while_it_compares_again_is_carried_out_by_the_next_try(
    w: Workspace, monkeypatch: pytest.MonkeyPatch, at: tuple[ModuleType, str], looks: int
) -> None:
    overtaken(w)

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as killed:
        killed.setattr(*at, die)
        killed.setattr(steps, "closing", lambda *_: nullcontext())  # nobody is left to close it
        with pytest.raises(SystemExit):
            retraining.decide(w.platform, 2, True, WHO, "go")
    assert retraining.decide(w.platform, 2, True, WHO, "go").state == "promoted"
    assert (count(w, comparisons), first(w)["comparison"]) == (looks, looks)


def test_the_same_model_again_spends_no_second_look(w: Workspace) -> None:
    model = first(w)["model"]
    again = retrained(w)
    facts = retraining.facts_of(w.platform, again.id)
    assert (again.state, facts["model"], facts["comparison"]) == ("waiting", model, first(w)["comparison"])
    assert count(w, comparisons) == 1
    promote(w.platform, "main", model, WHO, "it finds more")
    run = begun_with(w, purpose="embedder", why="so", set=facts["set"], model=model)
    assert retraining.judge(w.platform, run) is False
    assert runs.report(w.platform, run).message == (
        f"what came out is {model}, which serves already: nothing new was said to learn from"
    )
    assert count(w, comparisons) == 1


def test_where_nothing_was_said_since_the_champion_learned_nothing_is_trained(w: Workspace) -> None:
    facts = first(w)
    retraining.decide(w.platform, 2, True, WHO, "it finds more")
    said = (
        f"nothing was said since training set {facts['set']}, which embedder {facts['model']} learned from, and that "
        "one serves; `penstock train main --for embedder` trains another all the same"
    )
    assert retrained(w, Purpose.EMBEDDER).message == said
    assert (count(w, training_sets), count(w, comparisons)) == (1, 1)
    complaints.complain(w, "later", " again")
    assert retraining.look(w.platform, begun_with(w, purpose="embedder"))


def test_where_a_sync_overtook_the_challenger_it_is_compared_anew_and_auto_promotes_it(w: Workspace) -> None:
    facts = first(w)
    overtaken(w)
    run = begun_with(w, purpose="embedder", why="so", set=facts["set"], model=facts["model"])
    assert retraining.judge(w.platform, run)
    assert count(w, comparisons) == 2
    assert retraining.judge(w.platform, run), "tried again, it has its comparison"
    assert count(w, comparisons) == 2
    report = retraining.decide(w.platform, run, True, WHO, retraining.UNASKED)
    assert (report.state, report.release) == ("promoted", 4)
    assert champion(w) == (4, {"embedder": facts["model"]})
    assert inspection.log(w.platform, "main")[0]["why"] == f"embedder {facts['model']}: {retraining.UNASKED}"


def test_what_the_gate_keeps_out_leaves_its_figures(w: Workspace) -> None:
    facts = first(w)
    complaints.configure(w, {"gate": {**complaints.ENOUGH["gate"], "min_gain": 0.999}})
    complaints.complain(w, "second", " please")  # other words, so another set, and another look
    report = retrained(w)
    assert (report.state, report.exit_code) == ("refused", 0)
    assert report.message.startswith("keep-champion: the gain of +0.")
    found = retraining.facts_of(w.platform, report.id)
    assert found["set"] != facts["set"]
    assert found["comparison"] == 2
    assert champion(w) == (1, {})
    assert retraining.judge(w.platform, report.id) is False, "tried again, it ends the same"
    assert count(w, comparisons) == 2


def test_too_few_examples_to_judge_by_end_it(w: Workspace) -> None:
    facts = first(w)
    complaints.configure(w, {"gate": {"min_test_examples": 500}})
    with w.platform.catalog.write() as connection:
        connection.execute(comparisons.delete())
    run = begun_with(w, purpose="embedder", why="so", set=facts["set"], model=facts["model"])
    assert retraining.judge(w.platform, run) is False
    message = runs.report(w.platform, run).message
    assert re.match(r"too-few-examples: \d+ test examples of 500 that are asked for: nothing was compared; ", message)


def test_nothing_is_trained_where_too_little_is_held_back_to_judge_it_by(w: Workspace) -> None:
    complaints.configure(w, {"gate": {"min_test_examples": 500}})
    report = retrained(w)
    assert (report.state, report.exit_code) == ("refused", 0)
    assert re.match(
        r"too-few-examples: \d+ test examples of 500 that are asked for: nothing was compared; ", report.message
    )
    assert list(report.seconds) == ["look", "assemble"]


@pytest.mark.parametrize(
    ("purpose", "least", "words"),
    [
        (None, 5000, "tune-embedder: not yet: it takes 5,000 questions with a document that is known to be right, 81 "),
        (Purpose.EMBEDDER, 5000, "no embedder is trained: not yet: it takes 5,000 questions with a document that is "),
        (
            Purpose.GENERATOR,
            50,
            "no generator is trained: no complaint is of behaviour, which is what it would mend; what is advised is ",
        ),
    ],
)
def test_where_no_model_would_help_none_is_trained(
    w: Workspace, purpose: Purpose | None, least: int, words: str
) -> None:
    complaints.configure(w, {"min_examples": least})
    report = retrained(w, purpose)
    assert (report.state, report.exit_code) == ("refused", 0)
    assert report.message.startswith(words)
    assert retraining.look(w.platform, report.id) is False, "tried again, it ends the same"
    assert count(w, models) == 1


def test_nothing_is_trained_that_could_not_be_compared_until_a_person_resumes(w: Workspace) -> None:
    """After a `demote` each week's retraining trained for an hour, and then found the index on hold."""
    retraining.decide(w.platform, 2, True, WHO, "it finds more")
    demote(w.platform, "main", WHO, "the ratings fell")
    complaints.complain(w, "later", " again")
    report = retrained(w)
    assert (report.state, report.exit_code, list(report.seconds)) == ("refused", 0, ["look"])
    assert report.message == (
        "index 'main' is on hold; a challenger is judged beside the newest release: run `penstock resume main --why "
        "...` and `penstock sync main` first"
    )
    lease = leases.acquire(w.platform.catalog, "main", "a sync", 60)
    assert retraining.look(w.platform, begun_with(w, purpose="embedder")), "what is under way may mend it"
    leases.release(w.platform.catalog, lease)
    release.resume(w.platform, "main", WHO, "go on")
    assert w.sync().state == "published"
    assert retraining.look(w.platform, begun_with(w, purpose="embedder"))


def test_where_there_is_nothing_to_tune_none_is_trained(w: Workspace) -> None:
    """Without a local model, or a base for a generator: each week would have failed after the set was built."""
    settings = w.settings.indexes["main"]
    w.change_index(embedder=settings.embedder.model_copy(update={"backend": "hashing"}))
    report = retrained(w)
    assert (report.state, report.exit_code) == ("refused", 0)
    assert report.message.endswith(
        ", and the embedder of index 'main' (hashing) is no model that can be tuned here; set "
        'indexes.main.embedder.backend to "openvino" with a local model'
    )


def test_a_set_that_is_too_small_ends_it_with_the_reason(w: Workspace) -> None:
    run = begun_with(w, purpose="embedder", why="so", set=first(w)["set"])
    complaints.configure(w, {"min_examples": 500})
    assert retraining.tune(w.platform, run) is False
    assert runs.report(w.platform, run).message == (
        f"training set {first(w)['set']} holds 81 examples, and 500 are asked for; collect more feedback, or lower "
        "indexes.main.training.min_examples"
    )


def test_one_at_a_time(w: Workspace) -> None:
    run = retraining.begin(w.platform, "main", external="retrain_main/monday")
    with pytest.raises(LeaseHeldError) as held:
        retrained(w)
    assert str(held.value) == (
        f"a retraining by {getpass.getuser()}, retrain_main/monday of index 'main' is under way; wait until it ends"
    )
    assert runs.report(w.platform, run).state == "running"
    assert runs.recent(w.platform)[0].id == run, "the second one never began"


def test_a_step_that_fails_closes_the_run_and_frees_the_turn(w: Workspace) -> None:
    complaints.configure(w)
    shutil.rmtree(w.root / "model")
    with pytest.raises(ModelError) as failed:
        retrained(w)
    report = runs.recent(w.platform)[0]
    assert (report.kind, report.state, report.message) == ("retrain", "failed", str(failed.value))
    retraining.begin(w.platform, "main")


def test_a_task_that_fails_leaves_the_run_open_and_its_error_with_it(w: Workspace) -> None:
    run = begun_with(w, "retrain_main/monday", purpose="embedder", why="so", set=first(w)["set"])
    shutil.rmtree(w.root / "model")
    with pytest.raises(ModelError, match=r"^no model folder at ") as failed:
        retraining.tune(w.platform, run)
    open_ = runs.report(w.platform, run)
    assert (open_.state, open_.message) == ("running", str(failed.value)), "for another try"
    ended = retraining.end(w.platform, "retrain_main/monday")
    assert ended is not None
    assert (ended.state, ended.message) == ("failed", str(failed.value))
    assert retraining.end(w.platform, "retrain_main/monday") == ended
    assert retraining.end(w.platform, "retrain_main/tuesday") is None
    with pytest.raises(UsageError) as late:
        retraining.tune(w.platform, run)
    assert str(late.value) == f"run {run} has ended (failed: {failed.value}); start a new one"


def test_one_that_died_is_buried_by_the_next(w: Workspace) -> None:
    dead = retraining.begin(w.platform, "main", external="retrain_main/monday")
    with w.platform.catalog.write() as connection:
        connection.execute(
            update(leases_table)
            .where(leases_table.c.index_name == retraining.lease_name("main"))
            .values(expires_at=1.0)
        )
    alive = retraining.begin(w.platform, "main", external="retrain_main/tuesday")
    assert (runs.report(w.platform, dead).state, runs.report(w.platform, dead).message) == ("failed", runs.DIED)
    assert runs.report(w.platform, alive).state == "running"
    assert runs.report(w.platform, 2).state == "waiting", "what waits for a person is not dead"


def test_a_task_that_began_it_twice_leaves_one(w: Workspace) -> None:
    lost, kept = (retraining.begin(w.platform, "main", external="retrain_main/monday") for _ in range(2))
    assert [runs.report(w.platform, one).state for one in (lost, kept)] == ["failed", "running"]


def test_the_nightly_sync_goes_on_beside_it(w: Workspace) -> None:
    run = retraining.begin(w.platform, "main")
    w.write("new.md", "keeper says something new\n")
    synced = w.sync()
    assert synced.state == "published"
    assert runs.report(w.platform, run).state == "running"
    status = inspection.status(w.platform, "main")[0]
    assert status["last_run"]["id"] == synced.id
    retraining.end(w.platform, "nobody's")
    begun_again = runs.recent(w.platform, "main", 1, of_the_line=True)
    assert [one.id for one in begun_again] == [synced.id], "the last of the line, whatever was begun before or after"


def test_a_challenger_waits_for_its_turn_to_be_compared(w: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = first(w)
    with w.platform.catalog.write() as connection:
        connection.execute(comparisons.delete())
    run = begun_with(w, purpose="embedder", why="so", set=facts["set"], model=facts["model"])
    held = leases.acquire(w.platform.catalog, "main", "run 99 (sync)", 60.0)
    monkeypatch.setattr(steps, "TURN_S", 0.0)
    with pytest.raises(LeaseHeldError) as held_by_another:
        retraining.judge(w.platform, run)
    assert str(held_by_another.value) == (
        f"model {facts['model']} waited 0 minutes for its turn to be compared, and run 99 (sync) still writes index "
        f"'main'; once that has ended, run `penstock compare main {facts['model']}`"
    )
    assert count(w, comparisons) == 0, "no look is spent on waiting"
    leases.release(w.platform.catalog, held)
    assert retraining.judge(w.platform, run)


def test_feedback_counts_from_the_last_retraining_on(w: Workspace) -> None:
    assert retraining.new_feedback(w.platform, "main") == 0
    complaints.complain(w, "later", " again")
    assert retraining.new_feedback(w.platform, "main") == 2 * len(complaints.pages()), "a rating and a passage each"
    retraining.begin(w.platform, "main")
    assert retraining.new_feedback(w.platform, "main") == 0


def test_whoever_trains_by_hand_leaves_the_registry_in_step(w: Workspace) -> None:
    config = w.root / "penstock.toml"
    asked = "min_test_examples = 500"  # more than there are: by hand it is trained all the same
    config.write_text(complaints.toml(w).replace("min_test_examples = 10", asked), encoding="utf-8")
    (w.settings.home / "mlflow.db").write_bytes(tuning.empty_tracking())  # as if no model had been trained before
    model = first(w)["model"]
    name = "penstock-main-embedder"
    assert [one.what for one in maintenance.verify(w.platform, "main")] == [
        f"registered model {name} has no version of {model}",
        f"challenger of {name} is none; the catalog has {model}",
    ]
    command = [sys.executable, "-m", "penstock.cli", "train", "main", "--for", "embedder", "--recipe", "quick"]
    its = {**os.environ, "PENSTOCK_CONFIG": str(config), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=its, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    said = r"what is trained now cannot be compared yet: \d+ test examples of 500 that are asked for"
    assert re.search(said, done.stderr)
    assert maintenance.verify(w.platform, "main") == []
