"""The steps of a retraining, each of which any worker may do, and all of them in one process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penstock import decisions, leases, manifest, runs
from penstock.decisions import Who
from penstock.errors import LeaseHeldError, OvertakenError, RefusedError, UsageError
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion.gate import Outcome
from penstock.purposes import Purpose
from penstock.retraining.bookkeeping import (
    State,
    begin,
    close_row,
    closing,
    do_step,
    facts_of,
    finish,
    learned,
    said_since,
    working,
)
from penstock.retraining.choosing import choose
from penstock.runs import RunReport

if TYPE_CHECKING:
    from penstock.promotion.comparing import Compared

TURN_S = 3600.0
"""So long a challenger waits for the end of a sync, to be compared: it took longer to train."""

UNASKED = "it passed the gate, and the configuration asks nobody"


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


def look(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Ask triage whether another model is what would help; tell whether to go on."""

    def work(state: State) -> str | None:
        from penstock.triage import advice_for

        wanted = Purpose(state.facts["purpose"]) if state.facts["purpose"] else None
        advice = advice_for(platform, state.index, progress=progress)
        choice = choose(advice, wanted, _without_base(platform, state.index))
        if choice.purpose is None:
            return choice.why
        why_not = _all_learned(platform, state.index, choice.purpose) or _unquiet(platform, state.index, choice.purpose)
        if why_not:
            return why_not
        state.facts |= {"purpose": choice.purpose, "why": choice.why}
        return None

    return do_step(platform, run, "look", "why", work)


def _without_base(platform: Platform, index: str) -> dict[Purpose, str]:
    """For which purposes the configuration names nothing to tune, and what it would have to say."""
    from penstock.tuning import bases
    from penstock.tuning.running import chosen

    found = {}
    for purpose in Purpose:
        try:
            bases.require_any(platform, index, purpose, chosen(platform, purpose, _recipe(platform, index, purpose)))
        except UsageError as error:
            found[purpose] = str(error)
    return found


def _all_learned(platform: Platform, index: str, purpose: Purpose) -> str | None:
    """Why another model would learn what the champion has learned: each would spend a look and tell nothing."""
    from penstock.trained import model_row
    from penstock.training import sets
    from penstock.training.audience import restricted_since

    with platform.catalog.read() as connection:
        champion = manifest.champions(connection, index).get(purpose)
        if champion is None:
            return None
        model = model_row(connection, index, champion)
        since = sets.row_of(connection, index, model.set_id).at
        restricted = restricted_since(platform, connection, index, model)
        if model.tainted or restricted or said_since(connection, index, since):
            return None
    return (
        f"nothing was said since training set {model.set_id}, which {purpose} {model.id} learned from, and that one "
        f"serves; `penstock train {index} --for {purpose}` trains another all the same"
    )


def _unquiet(platform: Platform, index: str, purpose: Purpose) -> str | None:
    """Why no embedder could be compared now, which a person has to mend first: known before hours of training.

    A sync that is under way may leave the index as it should be by the time that a challenger is there.
    """
    if purpose is not Purpose.EMBEDDER:
        return None
    from penstock.promotion import embedders

    with platform.catalog.read() as connection:
        if leases.held(connection, platform.catalog, index):
            return None
    try:
        embedders.require_quiet(platform, index)
    except RefusedError as error:
        return str(error)
    return None


def assemble(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Freeze a training set; tell whether what it holds back could show that a model is better."""

    def work(state: State) -> str | None:
        from penstock.promotion.comparing import foreseen
        from penstock.training.building import build

        made = build(platform, state.index, state.purpose, progress=progress)
        state.counts["examples"] = len(made.examples)
        state.facts["set"] = made.id
        why = foreseen(platform, state.index, state.purpose)
        return f"{Outcome.TOO_FEW}: {'; '.join(why)}" if why else None

    return do_step(platform, run, "assemble", "set", work)


def tune(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Train a challenger."""

    def work(state: State) -> str | None:
        from penstock.promotion import registry
        from penstock.tuning.running import train

        recipe = _recipe(platform, state.index, state.purpose)
        made = train(platform, state.index, state.purpose, recipe, state.facts["set"], progress)
        state.facts["model"] = made.id
        registry.follow(platform, state.index)
        return None

    return do_step(platform, run, "tune", "model", work)


def _recipe(platform: Platform, index: str, purpose: Purpose) -> str | None:
    """The recipe that the index names, if it is for what is tuned."""
    settings = platform.settings
    name = settings.index(index).retrain.recipe
    return name if name is not None and settings.recipes[name].purpose == purpose else None


def judge(platform: Platform, run: int, progress: Progress | None = None) -> bool:
    """Compare it with the champion; tell whether it passed the gate."""

    def work(state: State) -> str | None:
        from penstock.promotion import registry

        model = state.facts["model"]
        with platform.catalog.read() as connection:
            champion = manifest.champions(connection, state.index).get(state.purpose)
        if champion == model:
            return f"what came out is {model}, which serves already: nothing new was said to learn from"
        found = _judged_before(platform, state, champion) or _compared(platform, state.index, model, progress)
        state.facts["comparison"] = found.number
        registry.follow(platform, state.index)
        return _why_kept(found)

    return do_step(platform, run, "judge", "comparison", work)


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


def _compared(platform: Platform, index: str, model: str, progress: Progress | None = None) -> Compared:
    """Compare, when a sync that is under way has ended. Raises ``LeaseHeldError`` where that takes too long."""
    from penstock.promotion.comparing import compare

    try:
        return compare(platform, index, model, progress, TURN_S)
    except LeaseHeldError:
        with platform.catalog.read() as connection:
            holder = leases.holder(connection, index)
        raise LeaseHeldError(
            f"model {model} waited {TURN_S / 60:.0f} minutes for its turn to be compared, and {holder} still writes "
            f"index {index!r}; once that has ended, run `penstock compare {index} {model}`"
        ) from None


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

    A blank reason decides nothing, and what was decided before stands. Where a sync overtook the release that the
    challenger was judged on, it is compared again, with the newest documents, and takes over if it passes once more.
    Raises ``RefusedError`` where it cannot in any case (such as where the champion changed), and closes the run as
    failed.
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
        finish(platform, run, runs.PROMOTED, f"{purpose} {model} serves {report.index}, with release {live}", live)
    elif approved:
        with closing(platform, run):
            found = _newest(platform, report.index, facts)
            learned(platform, run, comparison=found.number)
            passed = found.outcome == Outcome.PROMOTE
            moved = promote(platform, report.index, model, who, why) if passed else None
        if moved is None:
            said = f"{who.name} approved it ({why.strip()}); compared again since, it did not pass"
            finish(platform, run, runs.REFUSED, f"{said}: {_why_kept(found)}")
        else:
            finish(platform, run, runs.PROMOTED, moved.message, moved.live)
    else:
        said = why.strip()
        with catalog.write() as connection:
            decisions.record(connection, catalog, who, "reject-model", f"{purpose} {model}: {said}", report.index)
            close_row(connection, platform, run, runs.REFUSED, f"{purpose} {model} was rejected by {who.name}: {said}")
    return runs.report(platform, run)


def _newest(platform: Platform, index: str, facts: Mapping[str, Any]) -> Compared:
    """The last comparison of a challenger that passed the gate; another one where a sync overtook that one's release,
    or where it was killed on its way."""
    from penstock.promotion import comparing, promoting, records, registry

    model = facts["model"]
    with platform.catalog.read() as connection:
        row = records.last_comparison(connection, index, model)
        overtaken = isinstance(promoting.hindrance(connection, index, model), OvertakenError)
    if row is not None and row.outcome != records.LOOKING and not overtaken:
        return comparing.of_row(row)
    found = _compared(platform, index, model)
    registry.follow(platform, index)
    return found


def _why_kept(found: Compared) -> str | None:
    """Why the gate keeps the champion, if it does."""
    return None if found.outcome == Outcome.PROMOTE else f"{found.outcome}: {'; '.join(found.report['reasons'])}"
