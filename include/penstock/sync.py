"""The line, from listing to published release: plan → fetch → parse → chunk → embed → stage → gates → publish.

``sync`` and ``reindex`` run it in one process, parsing beside embedding. The steps that they are made of
(``open_plan``, ``conclude`` and those of ``steps``) are what the tasks of a DAG call, one by one, on any worker.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.engine import Row

from penstock import champions, cursors, manifest, quality, release, runs, wording
from penstock.access import apply_access
from penstock.catalog import insert_or_update
from penstock.catalog.schema import documents, entries, revisions, source_states
from penstock.delta import base_entries, compute_delta
from penstock.embedding.cache import EmbeddingQueue, VectorCache
from penstock.errors import UsageError
from penstock.filters import unreadable
from penstock.libraries import import_great_expectations
from penstock.planning import Plan, Work, make_plan
from penstock.platform import Platform
from penstock.preparing import Outcome, Preparer
from penstock.progress import Progress
from penstock.recipe import Recipe
from penstock.runs import Run, RunReport
from penstock.staging import Stager
from penstock.vectors import forget_lost_packs

T = TypeVar("T")


@dataclass(frozen=True)
class Ground:
    """What a run stands on: the base release (0 for none) and the recipe that its generation keeps to."""

    base: int
    recipe: Recipe
    pending_changes: tuple[str, ...] = ()
    """What the configuration says and the generation does not, in words; a reindex would apply it."""
    rebuilds: bool = False
    """Whether all of it is made anew: that was asked for, or the model that embedded the base was demoted."""


def ground(platform: Platform, index: str, rebuild: bool = False) -> Ground:
    today = champions.recipe(platform, index)
    with platform.catalog.read() as connection:
        base = manifest.head(connection, index)
        if base == 0 or rebuild:
            return Ground(base, today, rebuilds=rebuild)
        taken_out = champions.demoted(connection, index, base)
        live, _ = manifest.pointer(connection, index)
        if taken_out and (live is None or champions.demoted(connection, index, live)):
            return Ground(base, today, rebuilds=True)
        row = manifest.release_row(connection, index, live if taken_out and live else base)
        kept = Recipe.model_validate(manifest.generation_row(connection, index, row.generation).recipe)
    return Ground(base, kept.with_runtime_of(today), tuple(kept.differences(today)), rebuilds=taken_out)


def sync(
    platform: Platform,
    index: str,
    only: str | None = None,
    verify: bool = False,
    wait_s: float = 0.0,
    progress: Progress | None = None,
) -> RunReport:
    """Bring the index up to date with its sources and publish, if the gates say so.

    Raises ``LeaseHeldError``, ``ListingError`` where no source could be listed, and any error of a store; the run is
    then closed as failed and the live release is as it was.
    """
    progress = progress or Progress()
    run = runs.begin(platform, index, "sync", {"source": only, "verify": verify}, wait_s)
    with runs.closing(platform, run):
        on = ground(platform, index)
        if on.rebuilds:  # what changed in the sources comes with the next sync
            return _rebuilt(platform, run, on, progress)
        progress.stage("list")
        plan = open_plan(platform, run, on, only, verify)
        outcomes = prepare_and_embed(platform, run, on.recipe, plan.work, progress)
        return conclude(platform, run, on, outcomes, plan.removed, progress=progress)


def reindex(platform: Platform, index: str, wait_s: float = 0.0, progress: Progress | None = None) -> RunReport:
    """Rebuild the index under today's configuration beside the live collection, from the bytes in the lake.

    Nothing is listed or fetched; whatever today's recipe would make again exactly is reused.
    """
    progress = progress or Progress()
    run = runs.begin(platform, index, "reindex", {}, wait_s)
    with runs.closing(platform, run):
        return _rebuilt(platform, run, ground(platform, index, rebuild=True), progress)


def _rebuilt(platform: Platform, run: Run, on: Ground, progress: Progress) -> RunReport:
    work = open_rebuild(platform, run, on)
    outcomes = prepare_and_embed(platform, run, on.recipe, work, progress)
    return conclude(platform, run, on, outcomes, [], rebuild=True, progress=progress)


def open_plan(platform: Platform, run: Run, on: Ground, only: str | None, verify: bool) -> Plan:
    """List and compare, note how each listing ended, and carry out changes of access before anything else."""
    sources = platform.settings.index(run.index).sources
    if only is not None and only not in sources:
        raise UsageError(f"source {only!r} does not feed index {run.index!r}; its sources: {', '.join(sources)}")
    with run.clock("list"):
        plan = make_plan(platform, run.index, on.base, on.recipe, only, verify)
    run.counts.update(plan.counts)
    run.sources = plan.sources
    _note_sources(platform, run, plan)
    with run.clock("access"):
        run.counts["access_changed"] = apply_access(platform, plan.access, run.lease)
    plan.require_a_listing()
    if plan.work or plan.removed:
        quality.require_questions(platform, run.index)
    if verify:
        forget_lost_packs(platform)
    return plan


def open_rebuild(platform: Platform, run: Run, on: Ground) -> list[Work]:
    """The work of a reindex. Raises ``UsageError`` where there is no release to rebuild."""
    if on.base == 0:
        raise UsageError(f"index {run.index!r} has no release to rebuild; run `penstock sync {run.index}`")
    quality.require_questions(platform, run.index)
    work = rebuild_work(platform, run.index, on.base)
    run.counts.update(listed=len(work), work=len(work))
    return work


def _note_sources(platform: Platform, run: Run, plan: Plan) -> None:
    with platform.catalog.write() as connection:
        now = platform.catalog.now(connection)
        for name, state in plan.sources.items():
            row = {"source": name, "index_name": run.index, "run_id": run.id, "error": state.get("error")}
            listed = {"listed_at": now, "documents": state.get("listed", 0) + state.get("carried", 0)}
            blank = {"listed_at": None, "documents": 0}
            failed = "error" in state
            changing = ["run_id", "error"] + ([] if failed else list(listed))
            insert_or_update(connection, source_states, [row | (blank if failed else listed)], changing)


def prepare_and_embed(
    platform: Platform, run: Run, recipe: Recipe, work: list[Work], progress: Progress
) -> list[Outcome]:
    """Prepare the work in a thread (its parsing is in child processes) beside the embedding of what comes out."""
    if not work:
        return []
    parsers = platform.parsers(recipe.parser)
    parsers.warm()  # a child starts while the model loads
    # The gates' library takes seconds to import: better now, beside the rest, than at the end, when all wait for it.
    importing = threading.Thread(target=import_great_expectations, name="import")
    importing.start()
    embedder = platform.embedder(recipe.embedder, run.id)
    cache = VectorCache(platform.catalog, platform.lake, embedder.fingerprint)
    outcomes: list[Outcome] = []
    progress.stage("prepare", len(work))
    with run.clock("prepare"), EmbeddingQueue(cache, embedder, run.id) as texts:
        verify = bool(run.options.get("verify"))
        preparer = Preparer(platform, recipe, run.id, embedder, parsers, run.lease, verify)
        for outcome, candidates in in_thread(lambda: preparer.prepare(work)):
            outcomes.append(outcome)
            with run.clock("embed"):
                texts.add(candidates)
            progress.advance()
        with run.clock("embed"):
            texts.finish()
        importing.join()  # nothing else may import what it is importing: each would see the other's half
    # The two go side by side: "embed" is the time for which this thread waited for vectors, "prepare" the rest.
    run.seconds["prepare"] = round(run.seconds["prepare"] - run.seconds["embed"], 3)
    run.counts["embedded"] = texts.embedded
    run.counts["texts"] = texts.distinct
    count_prepared(run, outcomes, preparer.fetched, preparer.fetched_bytes)
    return outcomes


def count_prepared(run: Run, outcomes: Iterable[Outcome], fetched: int, fetched_bytes: int) -> None:
    counts = run.counts
    counts["fetched"] = counts.get("fetched", 0) + fetched
    counts["fetched_bytes"] = counts.get("fetched_bytes", 0) + fetched_bytes
    counts["parsed"] = counts.get("parsed", 0) + sum(one.parsed_now for one in outcomes)


def conclude(
    platform: Platform,
    run: Run,
    on: Ground,
    outcomes: list[Outcome],
    removed: list[str],
    rebuild: bool = False,
    progress: Progress | None = None,
) -> RunReport:
    """Stage what changed, run the gates, and publish, hold or wait; then close the run."""
    progress = progress or Progress()
    number = stage(platform, run, on, outcomes, removed, rebuild, progress)
    runs.require_account(run)
    if number is None:
        return close_unchanged(platform, run)
    progress.stage("gates")
    with run.clock("gates"):
        quality.check(platform, run.index, number, run.lease)
    with run.clock("publish"):
        state = release.settle(platform, run.index, number, run.lease)
    return close_settled(platform, run, number, state)


def stage(
    platform: Platform,
    run: Run,
    on: Ground,
    outcomes: list[Outcome],
    removed: list[str],
    rebuild: bool = False,
    progress: Progress | None = None,
) -> int | None:
    """Stage the difference as a release and return its number; ``None`` where there is none to stage."""
    progress = progress or Progress()
    with platform.catalog.read() as connection:
        ids = [one.id for one in outcomes] + removed
        before = base_entries(connection, run.index, on.base, ids) if on.base else {}
        waiting = manifest.pending(connection, run.index)
        deferred = [one.id for one in outcomes if one.state == "deferred"]
        kept = cursors.moved(connection, run.index, on.base, run.sources, deferred)
        if rebuild:
            kept = {}  # another recipe may declare fields that were not asked of the source before
    delta = compute_delta(before, outcomes, removed, rebuild)
    run.counts.update({name: delta.counts[name] for name in DELTA_COUNTS})
    if unread := sum(bool(unreadable(json.loads(one.fields), on.recipe.fields)) for one in delta.put):
        run.counts["fields_unread"] = unread
    runs.save(platform, run)
    if not delta and on.base and not rebuild:
        cursors.keep(platform.catalog, run.index, on.base, kept, run.lease)
        return None
    if waiting is not None and not rebuild and waiting.delta.get("name") == delta.name():
        run.counts["waiting"] = waiting.number
        return None
    embedder = platform.embedder(on.recipe.embedder)
    progress.stage("stage", len(delta.put))
    with run.clock("stage"):
        stager = Stager(platform, run.index, run.lease, on.recipe, embedder, run.id, progress.advance, kept)
        number = stager.stage(delta, on.base, rebuild)
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, run.index, number)
    run.counts.update(rows_added=row.rows_added, rows_removed=row.rows_removed)
    return number


DELTA_COUNTS = (
    "new",
    "changed",
    "same",
    "rebuilt",
    "quarantined",
    "deferred",
    "removed",
    "attachments",
    "attachments_removed",
)


def close_unchanged(platform: Platform, run: Run) -> RunReport:
    """Close a run that staged nothing, saying so and why."""
    with platform.catalog.read() as connection:
        waiting = manifest.pending(connection, run.index)
        live, on_hold = manifest.pointer(connection, run.index)
    if waiting is not None and run.counts.get("waiting"):
        state = runs.WAITING if waiting.state == manifest.WAITING else runs.HELD
        until = "a person" if state == runs.WAITING else "the hold to end"
        message = f"nothing new since release {waiting.number}, which waits for {until}"
        return runs.finish(platform, run, state, waiting.number, message)
    moved = release.follow_head(platform, run.index)
    live = moved or live
    listed = wording.count(run.counts.get("listed", 0), "document") + " listed"
    if carried := run.counts.get("carried", 0):
        listed += f", {carried:,} not named"
    message = f"nothing changed: {listed}, release {live} stays live"
    if moved:
        message = f"nothing changed since release {moved}, which is live again"
    elif on_hold:
        message += " (the index is on hold)"
    return runs.finish(platform, run, runs.UNCHANGED, live, message)


def close_settled(platform: Platform, run: Run, number: int, state: str) -> RunReport:
    with platform.catalog.read() as connection:
        failed = [gate for gate in quality.verdicts(connection, run.index, number) if not gate.passed]
    if state == manifest.PUBLISHED:
        return runs.finish(platform, run, runs.PUBLISHED, number, f"release {number} is live")
    if state == manifest.HELD:
        message = f"release {number} passed its gates and waits: the index is on hold (`penstock resume {run.index}`)"
        return runs.finish(platform, run, runs.HELD, number, message)
    why = "; ".join(f"{gate.name}: {gate.observed}, allowed {gate.limit}" for gate in failed)
    message = (
        f"release {number} was refused ({why}) and waits, unseen: "
        f"`penstock approve {run.index} {number} --why …` or `penstock reject {run.index} {number} --why …`"
    )
    return runs.finish(platform, run, runs.WAITING, number, message)


def rebuild_work(platform: Platform, index: str, base: int) -> list[Work]:
    """Every document of release ``base`` whose bytes are in the lake; attachments come with their parents."""
    query = (
        select(documents)
        .join(entries, entries.c.document_id == documents.c.id)
        .join(
            revisions,
            (revisions.c.document_id == documents.c.id) & (revisions.c.sha256 == entries.c.revision),
        )
        .where(manifest.in_release(index, base), documents.c.parent_id.is_(None), documents.c.erased_at.is_(None))
        .where(documents.c.revision.is_not(None), entries.c.revision.is_not(None))
        .add_columns(entries.c.revision.label("served"), entries.c.fields.label("served_fields"))
        .add_columns(revisions.c.size_bytes)
        .order_by(documents.c.id)
    )
    with platform.catalog.read() as connection:
        return [_work_of(row) for row in connection.execute(query)]


def _work_of(row: Row[Any]) -> Work:
    return Work(
        id=row.id,
        source=row.source,
        key=row.key,
        size_bytes=row.size_bytes,
        hint=row.hint if row.revision == row.served else None,
        principals=tuple(json.loads(row.principals)),
        fields=json.loads(row.served_fields),
        revision=row.served,
        problem=None,
    )


def in_thread(make: Callable[[], Iterator[T]], ahead: int = 256) -> Iterator[T]:
    """Run a generator in a thread, at most ``ahead`` items before its reader; its error is raised here."""
    items: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=ahead)
    stop = threading.Event()

    def run() -> None:
        try:
            for item in make():
                while not stop.is_set():
                    try:
                        items.put((item, None), timeout=0.2)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
            items.put((None, StopIteration()))
        except BaseException as error:  # handed over and raised in the reader's thread
            if stop.is_set():
                raise
            items.put((None, error))

    thread = threading.Thread(target=run, name="prepare", daemon=True)
    thread.start()
    try:
        while True:
            item, error = items.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        thread.join(timeout=60)
