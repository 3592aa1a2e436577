"""An embedder is judged on a whole release that it built: staged, checked, asked, and left waiting, unseen.

The release waits for its promotion and for nothing else. A newer sync supersedes it, as it does every one that waits;
what was embedded for it is kept, so that comparing again costs what changed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Row

from penstock import champions, leases, manifest, quality, release, runs
from penstock.catalog.schema import gates
from penstock.errors import RefusedError
from penstock.evaluation import golden, measures
from penstock.evaluation.asking import Side
from penstock.evaluation.measuring import Measured, measure
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion import guards, screening
from penstock.promotion.gains import gain
from penstock.promotion.gate import Limit
from penstock.promotion.measured import Sides, latency
from penstock.promotion.questions import TestSet
from penstock.promotion.records import Look
from penstock.recipe import Recipe
from penstock.runs import Run
from penstock.sync import Ground, open_rebuild, prepare_and_embed, stage


def compare(
    platform: Platform, index: str, challenger: Row[Any], test: TestSet, look: Look, progress: Progress
) -> Sides:
    """Screen the challenger, then build a release with it and ask both.

    Holds the lease of the index meanwhile. Raises ``RefusedError`` where the index is on hold, where a release waits
    for somebody, or where the newest release is that of a model that was demoted.
    """
    run = runs.begin(platform, index, runs.COMPARE, {"challenger": challenger.id})
    with runs.closing(platform, run):
        live = require_quiet(platform, index)
        with platform.catalog.read() as connection:
            generation = manifest.opened(connection, index, live)
        recipe = Recipe.of_generation(platform.settings, generation)
        tuned = recipe.model_copy(update={"embedder": champions.embedder(platform.settings, index, challenger.id)})
        ours = Side(live, champions.retrieval(platform, index))
        progress.stage("screen", len(test))
        champion, its = (platform.embedder(one.embedder) for one in (recipe, tuned))
        tuned.require_room(its)
        alpha = look.begin()
        pooled = screening.passages(
            platform.collection(generation.collection), live, recipe, screening.pool(platform, index, ours, test)
        )
        before, after = (screening.screen(platform, one, run.id, pooled, test) for one in (champion, its))
        found = Sides(
            before, after, remarks=("judged on the pooled passages of the test questions; no index was built",)
        )
        differences = found.differences
        seen = gain(list(differences.values()), [test.groups[one] for one in differences], alpha)
        texts = [one.text for one in test.questions.questions]
        settings = platform.settings.index(index).training.gate
        found = replace(
            found,
            limits={
                "its time for a query, of the champion's": Limit(
                    latency(champion.embed_query, its.embed_query, texts), settings.max_latency_ratio
                )
            },
            figures={"screening": seen.to_dict()},
        )
        if seen.high <= settings.min_gain:
            runs.finish(platform, run, runs.UNCHANGED, None, f"{challenger.id} was screened, and is hopeless")
            return found
        domains = guards.of_embedders(platform, run.id, settings.guards, champion, its)
        return _built(platform, run, Ground(live, tuned, rebuilds=True), ours, test, found, domains, progress)


def require_quiet(platform: Platform, index: str) -> int:
    """The live release, to be built anew. Raises ``RefusedError``, see ``compare``."""
    with platform.catalog.read() as connection:
        live, on_hold = manifest.pointer(connection, index)
        waiting = manifest.pending(connection, index)
        newest = manifest.head(connection, index)
        if waiting is not None and not any(
            one.name == release.PROMOTION for one in quality.verdicts(connection, index, waiting.number)
        ):
            raise RefusedError(
                f"release {waiting.number} of {index!r} is {waiting.state}; decide about it first "
                f"(`penstock approve`, `reject` or `resume`): a challenger's release would supersede it"
            )
    if live is None or on_hold or newest != live:
        state = "is on hold" if on_hold else f"has release {live or 'none'} live and {newest or 'none'} as its newest"
        resume = f"`penstock resume {index} --why ...` and " if on_hold else ""
        raise RefusedError(
            f"index {index!r} {state}; a challenger is judged beside the newest release: run {resume}"
            f"`penstock sync {index}` first"
        )
    return live


def _built(
    platform: Platform,
    run: Run,
    on: Ground,
    ours: Side,
    test: TestSet,
    found: Sides,
    domains: guards.Guards,
    progress: Progress,
) -> Sides:
    """Stage the challenger's release, run the gates, ask both releases, and leave it waiting."""
    index = run.index
    work = open_rebuild(platform, run, on)
    outcomes = prepare_and_embed(platform, run, on.recipe, work, progress)
    number = stage(platform, run, on, outcomes, [], rebuild=True, progress=progress)
    assert number is not None, "a rebuild always stages"
    runs.require_account(run)
    progress.stage("gates")
    with run.clock("gates"):
        checked = quality.check(platform, index, number, run.lease)
    theirs = Side(number, ours.settings, run.lease)
    progress.stage("ask", 2 * len(test))
    champion, challenger = (
        measure(platform, index, side, test.questions, progress, lenient=True) for side in (ours, theirs)
    )
    held = golden_guard(platform, index, ours, theirs) | domains
    wait_for_promotion(platform, run, number, on.recipe.embedder.model)
    release.settle(platform, index, number, run.lease)
    message = f"release {number} was built by {on.recipe.embedder.model} and waits, unseen, for its promotion"
    runs.finish(platform, run, runs.WAITING, number, message)
    return replace(
        found,
        champion=scores(champion),
        challenger=scores(challenger),
        guards=held,
        stops=tuple(f"gate {one.name}: {one.observed}, allowed {one.limit}" for one in checked if not one.passed),
        release=number,
        remarks=(f"judged on release {number}, built by it, beside release {ours.release}",),
    )


def scores(measured: Measured) -> dict[str, float]:
    """Question → nDCG@10."""
    return {id_: result.values[measures.MAIN] for id_, result in measured.results.items()}


def golden_guard(platform: Platform, index: str, ours: Side, theirs: Side) -> guards.Guards:
    """The guard of the index's golden questions; none where it has none, or fewer than two can be asked."""
    path = platform.settings.index(index).gates.golden
    if path is None:
        return {}
    questions = golden.read(path)
    champion, its = (scores(measure(platform, index, one, questions, lenient=True)) for one in (ours, theirs))
    if len(champion.keys() & its.keys()) < 2:
        return {}
    return {guards.GOLDEN: guards.compared(champion, its, platform.settings.index(index).training.gate.max_golden_loss)}


def wait_for_promotion(platform: Platform, run: Run, number: int, model: str) -> None:
    """Have a gate that only the promotion of ``model`` passes; no person's approval does."""
    row = {
        "index_name": run.index,
        "release": number,
        "name": release.PROMOTION,
        "passed": False,
        "observed": f"built by the challenger {model}",
        "limit": "a promotion",
        "meaning": f"`penstock promote {run.index} {model.rpartition(':')[2]} --why …` publishes it with its model",
    }
    with platform.catalog.write() as connection:
        leases.check(connection, platform.catalog, run.lease)
        connection.execute(insert(gates).values(**row))
