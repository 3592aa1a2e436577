"""The way back: from what people said of the answers to a model that serves, or to the reason why none is trained.

triage → training set → ready? → train → compare → gate → approval → promote. ``retrain`` goes it in one process; each
step is a function of the run's number, which the tasks of a DAG call one by one. A step that finds a reason to stop
closes the run as refused, with that reason: that is how most runs end, and nothing is wrong with it. What a step found
stands in the run's row: one that is tried again after it got to its end does nothing twice.

A run holds no lease of its index while it trains, so that the index is synced every night all the same; it holds one of
its own, so that there is one retraining of an index at a time.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, update

from penstock import decisions, leases, manifest, runs, wording
from penstock.catalog.schema import feedback
from penstock.catalog.schema import leases as leases_table
from penstock.catalog.schema import runs as runs_table
from penstock.decisions import Who
from penstock.errors import LeaseHeldError, RefusedError, UsageError
from penstock.ids import hash_of
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.processes import this_process
from penstock.progress import Progress
from penstock.promotion.gate import Outcome
from penstock.purposes import Purpose
from penstock.runs import RunReport
from penstock.triage.advice import Advice, Step

if TYPE_CHECKING:
    from penstock.promotion.comparing import Compared

KIND = runs.OWN_TURN
TURN_S = 3600.0
"""So long a challenger waits for the end of a sync, to be compared: it took longer to train."""
UNASKED = "it passed the gate, and the configuration asks nobody"
STEPS = {
    Purpose.EMBEDDER: Step.EMBEDDER,
    Purpose.RERANKER: Step.RERANKER,
    Purpose.GENERATOR: Step.GENERATOR,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What to tune, or why nothing is tuned now."""

    purpose: Purpose | None
    why: str


def choose(advice: Sequence[Advice], wanted: Purpose | None) -> Choice:
    """Tune what was asked for, or what would answer most complaints, if tuning is what the advice comes to. Pure."""
    asked = [wanted] if wanted else list(Purpose)
    by_step = {one.step: one for one in advice}
    pays = [one for one in asked if (mine := by_step.get(STEPS[one])) and mine.share > 0]
    if pays:
        best = max(pays, key=lambda one: by_step[STEPS[one]].share)
        return Choice(best, by_step[STEPS[best]].why)
    first = next((by_step[STEPS[one]] for one in asked if STEPS[one] in by_step), advice[0])
    return Choice(None, f"{first.step}: {first.why}")


def retrain(
    platform: Platform,
    index: str,
    purpose: Purpose | None,
    who: Who,
    approve: bool,
    progress: Progress | None = None,
) -> RunReport:
    """Go the whole way in this process; ``approve`` promotes what passed the gate, else it waits for a person.

    Raises ``LeaseHeldError`` where a retraining of the index is under way, and as its steps do.
    """
    from penstock.promotion import registry

    progress = progress or Progress()
    run = begin(platform, index, purpose)
    with closing(platform, run):
        for step in (look, assemble, tune, judge):
            progress.stage(step.__name__)
            if not step(platform, run, progress):
                return runs.report(platform, run)
        if not approve:
            return wait(platform, run)
        progress.stage("promote")
        report = decide(platform, run, True, who, UNASKED)
    registry.follow(platform, index)
    return report


def begin(platform: Platform, index: str, purpose: Purpose | None = None, external: str | None = None) -> int:
    """Open a run; return its number. Raises ``LeaseHeldError``, ``UnknownNameError``."""
    platform.settings.index(index)
    catalog = platform.catalog
    holder = f"a retraining by {getpass.getuser()}, {external or this_process()}"
    try:
        lease = leases.acquire(catalog, lease_name(index), holder, platform.settings.store.lease_s)
    except LeaseHeldError:
        who = _holder(platform, index)
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


def _holder(platform: Platform, index: str) -> str:
    with platform.catalog.read() as connection:
        query = select(leases_table.c.holder).where(leases_table.c.index_name == lease_name(index))
        return str(connection.execute(query).scalar_one())


def lease_name(index: str) -> str:
    """What a retraining holds: of no index, and of a length that every catalog takes."""
    return f"retrain-{hash_of('retrain', index)[:32]}"


def look(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Ask triage whether another model is what would help; tell whether to go on."""

    def work(state: State) -> str | None:
        from penstock.triage import advice_for

        wanted = state.facts["purpose"]
        choice = choose(advice_for(platform, state.index, progress=progress), Purpose(wanted) if wanted else None)
        if choice.purpose is None:
            return choice.why
        state.facts |= {"purpose": choice.purpose, "why": choice.why}
        return None

    return _step(platform, run, "look", "why", work)


def assemble(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Freeze a training set."""

    def work(state: State) -> str | None:
        from penstock.training.building import build

        made = build(platform, state.index, state.purpose, progress=progress)
        state.counts["examples"] = len(made.examples)
        state.facts["set"] = made.id
        return None

    return _step(platform, run, "assemble", "set", work)


def tune(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Train a challenger."""

    def work(state: State) -> str | None:
        from penstock.promotion import registry
        from penstock.tuning.running import train

        made = train(platform, state.index, state.purpose, _recipe(platform, state), state.facts["set"], progress)
        state.facts["model"] = made.id
        registry.follow(platform, state.index)
        return None

    return _step(platform, run, "tune", "model", work)


def _recipe(platform: Platform, state: State) -> str | None:
    """The recipe that the index names, if it is for what is tuned."""
    settings = platform.settings
    name = settings.index(state.index).retrain.recipe
    return name if name is not None and settings.recipes[name].purpose == state.purpose else None


def judge(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Compare it with the champion; tell whether it passed the gate."""

    def work(state: State) -> str | None:
        from penstock.promotion import registry

        model = state.facts["model"]
        with platform.catalog.read() as connection:
            champion = manifest.champions(connection, state.index).get(state.purpose)
        if champion == model:
            return f"what came out is {model}, which serves already: nothing new was said to learn from"
        found = _judged_before(platform, state, champion) or _compared(platform, state, progress)
        state.facts["comparison"] = found.number
        registry.follow(platform, state.index)
        return None if found.outcome == Outcome.PROMOTE else f"{found.outcome}: {'; '.join(found.report['reasons'])}"

    return _step(platform, run, "judge", "comparison", work)


def _judged_before(platform: Platform, state: State, champion: str | None) -> Compared | None:
    """A comparison of the same model with the same champion on the same examples: another would only spend a look.

    None where the gate opened then, and the challenger cannot take over by it any more.
    """
    from penstock.promotion import comparing, promoting, records
    from penstock.trained import model_row

    with platform.catalog.read() as connection:
        row = records.last_comparison(connection, state.index, state.facts["model"])
        if row is None or (row.set_id, row.champion) != (state.facts["set"], champion):
            return None
        if row.outcome == Outcome.PROMOTE:
            try:
                promoting.judged(connection, state.index, model_row(connection, state.index, row.challenger))
            except RefusedError:
                return None
    return comparing.of_row(row) if row.outcome in (Outcome.PROMOTE, Outcome.KEEP) else None


def _compared(platform: Platform, state: State, progress: Progress | None) -> Compared:
    """Compare, when a sync that is under way has ended. Raises ``LeaseHeldError`` where that takes too long."""
    from penstock.promotion.comparing import compare

    deadline = time.monotonic() + TURN_S
    while True:
        try:
            return compare(platform, state.index, state.facts["model"], progress)
        except LeaseHeldError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(min(5.0, platform.settings.store.lease_s / 10))


def wait(platform: Platform, run: int) -> RunReport:
    """Close the run, and with it its turn: a person is to say whether the challenger takes over, and may take days."""
    report = runs.report(platform, run)
    if report.state == runs.WAITING:
        return report  # the try before this one got that far
    with working(platform, run) as state:
        model = state.facts["model"]
        by_hand = f'`penstock promote {state.index} {model} --why "..."`'
        state.close(runs.WAITING, f"model {model} passed the gate and waits for a person: {by_hand}")
    return runs.report(platform, run)


def decide(platform: Platform, run: int, approved: bool, who: Who, why: str) -> RunReport:
    """Carry out what was decided of a challenger that passed the gate, by a person or by the rule that nobody is asked.

    A blank reason decides nothing, and what was decided before stands. Raises ``RefusedError`` where the challenger
    cannot take over any more (the champion changed, or a sync overtook the release that it was judged on), and closes
    the run as failed.
    """
    from penstock.promotion.promoting import promote

    report = runs.report(platform, run)
    if report.state not in (runs.RUNNING, runs.WAITING) or not why.strip():
        return report
    facts, catalog = facts_of(platform, run), platform.catalog
    model, purpose = facts["model"], facts["purpose"]
    with catalog.read() as connection:
        serves = manifest.champions(connection, report.index).get(purpose) == model
        live, _ = manifest.pointer(connection, report.index)
    if serves:  # by the try before this one, or by somebody who was faster
        _end(platform, run, runs.PROMOTED, f"{purpose} {model} serves {report.index}, with release {live}", live)
    elif approved:
        with closing(platform, run):
            moved = promote(platform, report.index, model, who, why)
        _end(platform, run, runs.PROMOTED, moved.message, moved.live)
    else:
        said = why.strip()
        with catalog.write() as connection:
            decisions.record(connection, catalog, who, "reject-model", f"{purpose} {model}: {said}", report.index)
            _close(connection, platform, run, runs.REFUSED, f"{purpose} {model} was rejected by {who.name}: {said}")
    return runs.report(platform, run)


def told(platform: Platform, run: int) -> dict[str, Any]:
    """What a retraining found, as far as it got: ``comparison`` is that of its model, with every figure."""
    from penstock.promotion.comparing import kept

    report, facts = runs.report(platform, run), facts_of(platform, run)
    number = facts.get("comparison")
    found = {name: facts.get(name) for name in ("purpose", "why", "set", "model")}
    found["examples"] = report.counts.get("examples")
    return {**found, "comparison": kept(platform, report.index, number).to_dict() if number else None}


def question(platform: Platform, run: int) -> dict[str, str]:
    """What a person is asked: subject and body, the body as Markdown."""
    from penstock.promotion.comparing import kept

    report, facts = runs.report(platform, run), facts_of(platform, run)
    found = kept(platform, report.index, facts["comparison"])
    gain, means = found.report["gain"], found.report["means"]
    measured = f"{means['champion']:.3f} → {means['challenger']:.3f}, gain {wording.gain(gain)}"
    lines = [f"* {measured} on {gain['n']:,} test questions, look {found.look}"]
    lines += [
        f"* guard {name}: {wording.gain(one)}, may lose {one['tolerated']:g}"
        for name, one in found.report["guards"].items()
    ]
    lines += [f"* {name}: {one['value']:.3g}, at most {one['most']:g}" for name, one in found.report["limits"].items()]
    return {
        "subject": f"Should model {facts['model']} become the {facts['purpose']} of {report.index}?",
        "body": "\n".join([f"Why it was trained: {facts['why']}.", "", *lines, *_hurry(found.release)]),
    }


def _hurry(release: int | None) -> list[str]:
    if release is None:
        return []
    overtaken = "a sync that changes documents supersedes it, and then the model must be compared again."
    return ["", f"It goes live with release {release}, which it was judged on; {overtaken}"]


def new_feedback(platform: Platform, index: str) -> int:
    """Pieces of feedback that were recorded since the last retraining of the index began."""
    last = select(func.max(runs_table.c.started_at)).where(runs_table.c.index_name == index, runs_table.c.kind == KIND)
    with platform.catalog.read() as connection:
        since = connection.execute(last).scalar() or 0.0
        query = select(func.count()).where(feedback.c.index_name == index, feedback.c.recorded_at > since)
        return int(connection.execute(query).scalar_one())


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
        _end(platform, ids[-1], runs.FAILED, said or "one of its tasks did not finish: its log says why")
    registry.follow(platform, runs.report(platform, ids[-1]).index)
    return runs.report(platform, ids[-1])


@contextmanager
def closing(platform: Platform, run: int) -> Iterator[None]:
    """Close the run as failed where the block fails."""
    try:
        yield
    except BaseException as error:
        _end(platform, run, runs.FAILED, runs.words(error))
        raise


def _end(platform: Platform, run: int, state: str, message: str, release: int | None = None) -> None:
    """Close a run that is under way or waits, and give its turn back if it has it still."""
    with platform.catalog.write() as connection:
        _close(connection, platform, run, state, message, release)
    report = runs.report(platform, run)
    leases.release(platform.catalog, _lease(platform, report.index, run, facts_of(platform, run)))


def _close(
    connection: Connection, platform: Platform, run: int, state: str, message: str, release: int | None = None
) -> None:
    open_ = runs_table.c.id == run, runs_table.c.state.in_((runs.RUNNING, runs.WAITING))
    ended = {"state": state, "message": message, "release": release, "finished_at": platform.catalog.now(connection)}
    connection.execute(update(runs_table).where(*open_).values(**ended))


def facts_of(platform: Platform, run: int) -> dict[str, Any]:
    """What the steps of a run found so far: its purpose, training set, model and comparison."""
    with platform.catalog.read() as connection:
        return dict(connection.execute(select(runs_table.c.options).where(runs_table.c.id == run)).scalar_one())


def _lease(platform: Platform, index: str, run: int, facts: Mapping[str, Any]) -> Lease:
    return Lease(lease_name(index), f"run {run}", facts["lease"], platform.settings.store.lease_s)


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


def _step(platform: Platform, run: int, name: str, finds: str, work: Callable[[State], str | None]) -> bool:
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
    lease = _lease(platform, report.index, run, facts)
    leases.prove(platform.catalog, lease)
    try:
        with leases.kept_alive(platform.catalog, lease):
            yield State(platform, run, report.index, lease, facts, dict(report.counts), dict(report.seconds))
    except BaseException as error:
        with platform.catalog.write() as connection:
            open_ = runs_table.c.id == run, runs_table.c.state == runs.RUNNING
            connection.execute(update(runs_table).where(*open_).values(message=runs.words(error)))
        raise
