"""The line cut into tasks that share nothing but catalog, lake and index, so that any worker may take the next one.

``start`` → ``prepare`` (once a batch) → ``collect`` → ``embed`` (once a batch) → ``stage`` → ``check`` → ``publish``,
and ``end`` whatever happened. What one step hands to the next lies in the lake under ``Kind.WORK`` and is named by the
run, and by the attempt at its step; ids alone pass between them. Every step may be repeated, and holds the run's lease
while it works: of two attempts at one step, the first of which was only thought to be dead, the later alone may write.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from penstock import attempts, decisions, leases, manifest, quality, release, runs
from penstock.catalog.schema import releases
from penstock.catalog.schema import runs as runs_table
from penstock.decisions import Who
from penstock.embedding.cache import VectorCache
from penstock.errors import AccountingError, ConfigError, RefusedError, UsageError
from penstock.lake import Kind
from penstock.planning import Plan, Work
from penstock.platform import Platform
from penstock.preparing import Outcome, Preparer
from penstock.recipe import Recipe
from penstock.runs import Run, RunReport
from penstock.settings import WEAVIATE, Settings
from penstock.sync import Ground, close_settled, close_unchanged, ground, open_plan, open_rebuild
from penstock.sync import stage as stage_release

MAX_TEXTS, MAX_CHARS = 2048, 800_000
"""Size of one batch of texts: some ten seconds of embedding, so that loading the model is a small part of it."""
MAX_TEXT_BATCHES = 512
LOCAL_EXECUTORS = ("LocalExecutor", "SequentialExecutor")


def start(
    platform: Platform,
    index: str,
    external: str,
    only: str | None = None,
    verify: bool = False,
    rebuild: bool = False,
    wait_s: float = 0.0,
) -> dict[str, int]:
    """Begin a run and plan it. Returns ``{"run": id, "batches": number of batches to prepare}``.

    ``external`` is the orchestrator's name of the run: a try that died under the same name is closed first, and
    ``end`` finds the run by it. Raises ``LeaseHeldError`` after ``wait_s`` seconds, and what listing raises.
    """
    _close_dead(platform, external, "its first task died and was started again")
    kind, options = ("reindex", {}) if rebuild else ("sync", {"source": only, "verify": verify})
    run = runs.begin(platform, index, kind, options, wait_s, external)
    with runs.closing(platform, run):
        on = ground(platform, index, rebuild)
        rebuild = on.rebuilds
        removed: list[str] = []
        if rebuild:
            work = open_rebuild(platform, run, on)
        else:
            work, removed = _listed(platform, run, on, only, verify)
        batches = Plan(work=work).batches(platform.settings.store.batch_mb * 2**20)
        for number, batch in enumerate(batches):
            _hand_over(platform, run, f"batch-{number}", [item.to_dict() for item in batch])
        plan = {
            "base": on.base,
            "recipe": on.recipe.model_dump(mode="json"),
            "removed": removed,
            "rebuild": rebuild,
            "batches": len(batches),
        }
        _hand_over(platform, run, "plan", plan)
        runs.save(platform, run)
    return {"run": run.id, "batches": len(batches)}


def _listed(platform: Platform, run: Run, on: Ground, only: str | None, verify: bool) -> tuple[list[Work], list[str]]:
    plan = open_plan(platform, run, on, only, verify)
    return plan.work, plan.removed


def prepare(platform: Platform, run_id: int, batch: int) -> int:
    """Fetch, parse and chunk one batch; return the number of documents. The texts without a vector are handed on."""
    with working(platform, run_id, f"prepare-{batch}") as run:
        began = time.perf_counter()
        recipe = _recipe(platform, run_id)
        work = [Work.from_dict(item) for item in _handed(platform, run_id, f"batch-{batch}")]
        embedder = platform.embedder(recipe.embedder)
        outcomes: list[Outcome] = []
        texts: dict[str, str] = {}
        verify = bool(run.options.get("verify"))
        parsers = platform.parsers(recipe.parser)
        preparer = Preparer(platform, recipe, run_id, embedder, parsers, run.lease, verify)
        for outcome, candidates in preparer.prepare(work):
            outcomes.append(outcome)
            texts |= candidates
        cache = VectorCache(platform.catalog, platform.lake, embedder.fingerprint)
        _hand_over(platform, run, f"texts-{batch}", {"all": list(texts), "missing": cache.missing(texts)})
        counts = {
            "fetched": preparer.fetched,
            "fetched_bytes": preparer.fetched_bytes,
            "parsed": sum(one.parsed_now for one in outcomes),
        }
        done = {"outcomes": [one.to_dict() for one in outcomes], "counts": counts, "seconds": _since(began)}
        _hand_over(platform, run, f"outcomes-{batch}", done)
        return len(outcomes)


def collect(platform: Platform, run_id: int) -> int:
    """Gather what was prepared, and cut the distinct texts without a vector into batches; return their number."""
    with working(platform, run_id, "collect") as run:
        batches = _handed(platform, run_id, "plan")["batches"]
        if not batches:
            return 0
        prepared = attempts.newest(platform.catalog, run_id)
        distinct: set[str] = set()
        missing: dict[str, str] = {}
        for batch in range(batches):
            texts = _handed(platform, run_id, f"texts-{batch}", prepared[f"prepare-{batch}"])
            distinct.update(texts["all"])
            missing |= texts["missing"]
        done = _outcomes(platform, run_id, batches)
        for name in ("fetched", "fetched_bytes", "parsed"):
            run.counts[name] = sum(one["counts"][name] for one in done)
        run.counts.update(texts=len(distinct), embedded=len(missing))
        run.seconds["prepare"] = round(sum(one["seconds"] for one in done), 3)
        parts = text_batches(missing)
        for number, part in enumerate(parts):
            _hand_over(platform, run, f"embed-{number}", part)
        runs.save(platform, run)
        return len(parts)


def text_batches(texts: Mapping[str, str]) -> list[dict[str, str]]:
    """Cut hash → text into batches of about equal work; texts of one batch are of about one length.

    >>> [sorted(part) for part in text_batches({"a": "x" * 500_000, "b": "x", "c": "x" * 400_000})]
    [['b', 'c'], ['a']]
    """
    max_texts = max(MAX_TEXTS, -(-len(texts) // MAX_TEXT_BATCHES))
    max_chars = max(MAX_CHARS, -(-2 * sum(map(len, texts.values())) // MAX_TEXT_BATCHES))
    parts: list[dict[str, str]] = []
    room = 0
    for name, text in sorted(texts.items(), key=lambda item: (len(item[1]), item[0])):
        if not parts or len(parts[-1]) >= max_texts or room < len(text):
            parts.append({})
            room = max_chars
        parts[-1][name] = text
        room -= len(text)
    return parts


def embed(platform: Platform, run_id: int, batch: int) -> int:
    """Embed one batch of texts and keep the vectors; return how many were still without one."""
    with working(platform, run_id, f"embed-{batch}") as run:
        began = time.perf_counter()
        embedder = platform.embedder(_recipe(platform, run_id).embedder, run_id)
        cache = VectorCache(platform.catalog, platform.lake, embedder.fingerprint)
        collected = attempts.newest(platform.catalog, run_id)["collect"]
        count = cache.embed(_handed(platform, run_id, f"embed-{batch}", collected), embedder, run_id)
        _hand_over(platform, run, f"embedded-{batch}", {"seconds": _since(began)})
        return count


def stage(platform: Platform, run_id: int) -> int | None:
    """Stage the difference as a release and return its number. ``None``: there was none, and the run is closed."""
    if runs.report(platform, run_id).state in (runs.UNCHANGED, runs.WAITING, runs.HELD):
        return None  # the try before this one got that far
    with working(platform, run_id, "stage") as run:
        if run.lease.attempt is not None and run.lease.attempt.after_silence:
            runs.fence_off(platform, run.index)  # of the tasks this one alone writes to the index
        plan = _handed(platform, run_id, "plan")
        on = Ground(plan["base"], Recipe.model_validate(plan["recipe"]))
        outcomes = [
            Outcome.from_dict(value)
            for done in _outcomes(platform, run_id, plan["batches"])
            for value in done["outcomes"]
        ]
        if seconds := _embedding_seconds(platform, run_id):
            run.seconds["embed"] = round(sum(seconds), 3)
        number = stage_release(platform, run, on, outcomes, plan["removed"], plan["rebuild"])
        if number is None:
            close_unchanged(platform, run)
        else:
            runs.save(platform, run)
        return number


def check(platform: Platform, run_id: int, number: int) -> dict[str, Any]:
    """Run the gates; return how many passed and the names of those that did not."""
    with working(platform, run_id, "check") as run:
        with run.clock("gates"):
            found = quality.check(platform, run.index, number, run.lease)
        runs.save(platform, run)
        return {"passed": sum(gate.passed for gate in found), "failed": [g.name for g in found if not g.passed]}


def publish(platform: Platform, run_id: int, number: int) -> RunReport:
    """Publish, hold or leave for a person, as gates and hold say; close the run.

    Raises ``AccountingError`` where the run's counts, or catalog, manifest and store, do not add up.
    """
    report = runs.report(platform, run_id)
    if report.finished_at is not None and report.state != runs.FAILED:
        return report  # the try before this one got that far
    with working(platform, run_id, "publish") as run:
        if wrong := runs.account(run.counts):
            raise AccountingError(f"run {run_id} of {run.index!r}: {wrong}; release {number} is not published")
        with platform.catalog.read() as connection:
            state = str(manifest.release_row(connection, run.index, number).state)
        if state == manifest.STAGING:
            with run.clock("publish"):
                state = release.settle(platform, run.index, number, run.lease)
        return close_settled(platform, run, number, state)


def end(platform: Platform, external: str) -> RunReport | None:
    """Close what is still open of the orchestrator's run, give its lease back and clear its hand-over away.

    Returns the report of its last run; ``None`` where none was begun.
    """
    _close_dead(platform, external, "one of its tasks did not finish")
    ids = runs_of(platform, external)
    for id_ in ids:
        attempts.forget(platform.catalog, id_)
        platform.lake.delete(Kind.WORK, _work_of(platform, id_))
    return runs.report(platform, ids[-1]) if ids else None


def waits(platform: Platform, index: str, number: int) -> bool:
    """Whether a release was refused by its gates and still waits for a person."""
    with platform.catalog.read() as connection:
        return bool(manifest.release_row(connection, index, number).state == manifest.WAITING)


def release_of(platform: Platform, external: str) -> int | None:
    """The release that the orchestrator's run staged itself, if any."""
    ids = runs_of(platform, external)
    query = select(releases.c.number).where(releases.c.run_id.in_(ids)).order_by(releases.c.number.desc()).limit(1)
    with platform.catalog.read() as connection:
        found: int | None = connection.execute(query).scalar()
        return found


def run_of(platform: Platform, index: str, number: int) -> int:
    """The run that staged a release."""
    with platform.catalog.read() as connection:
        return int(manifest.release_row(connection, index, number).run_id)


def decide(platform: Platform, index: str, number: int, approved: bool, who: Who, why: str) -> dict[str, Any]:
    """Carry out a person's answer about a release that waits.

    Returns ``{"published": whether it went live by this answer, "message": what happened}``. A blank reason decides
    nothing. Raises ``RefusedError`` where the answer came too late, saying who decided, or what superseded the release.
    """
    if not why.strip():
        return {"published": False, "message": f"release {number} still waits: a decision needs a reason"}
    move = release.approve if approved else release.reject
    try:
        moved = move(platform, index, number, who, why)
    except RefusedError as error:
        if not _decided_by(platform, index, number, move.__name__, who, why):
            raise
        return {"published": approved, "message": str(error)}
    return {"published": approved, "message": moved.message}


def _decided_by(platform: Platform, index: str, number: int, what: str, who: Who, why: str) -> bool:
    """Whether this very answer decided: the task died after it did, and was started again."""
    mine = {"release": number, "what": what, "who": who.name, "via": who.via, "why": why.strip()}
    rows = decisions.history(platform.catalog, index)
    return any(all(row[name] == value for name, value in mine.items()) for row in rows)


def require_shared_stores(settings: Settings, executor: str) -> None:
    """Refuse stores that only one machine can see where tasks run on several.

    ``executor`` is Airflow's ``core.executor``. Raises ``ConfigError`` naming every such store and what would do.
    """
    names = [one.strip().rpartition(":")[2].rpartition(".")[2] for one in executor.split(",") if one.strip()]
    if all(name in LOCAL_EXECUTORS for name in names):
        return
    wrong = []
    if settings.catalog_url.startswith("sqlite"):
        wrong.append("store.catalog is SQLite (name a PostgreSQL: postgresql://…)")
    if _is_local(settings.lake_url):
        wrong.append("store.lake is a local folder (name a bucket: s3://bucket/prefix)")
    if _is_local(settings.index_url):
        wrong.append("store.index is a local folder (name a bucket or a server)")
    if wrong:
        raise ConfigError(
            f"{settings.file}: under {executor} tasks run on several machines, but {'; '.join(wrong)}. "
            "Or run one machine: AIRFLOW__CORE__EXECUTOR=LocalExecutor"
        )


def _is_local(url: str) -> bool:
    return ("://" not in url and url != WEAVIATE) or url.startswith("file://")


@contextmanager
def working(platform: Platform, run_id: int, task: str) -> Iterator[Run]:
    """A run taken up for an attempt at one of its tasks, with its lease proved and kept alive.

    An error is noted with the run, which stays open: the task may be tried again, and ``end`` closes it.
    """
    report = runs.report(platform, run_id)
    if report.state != runs.RUNNING:
        raise UsageError(f"run {run_id} has ended ({report.state}: {report.message}); start a new one")
    run = runs.take_up(platform, run_id, task)
    with leases.kept_alive(platform.catalog, run.lease):
        try:
            yield run
        except BaseException as error:
            runs.note(platform, run, error)
            raise
        finally:
            if run.lease.attempt is not None:
                attempts.end(platform.catalog, run.lease.attempt)


def _close_dead(platform: Platform, external: str, why: str) -> None:
    for id_ in runs_of(platform, external):
        report = runs.report(platform, id_)
        if report.state == runs.RUNNING:
            runs.close_dead(platform, id_, report.message or why)


def runs_of(platform: Platform, external: str) -> list[int]:
    query = select(runs_table.c.id).where(runs_table.c.external == external).order_by(runs_table.c.id)
    with platform.catalog.read() as connection:
        return list(connection.execute(query).scalars())


def _recipe(platform: Platform, run_id: int) -> Recipe:
    return Recipe.model_validate(_handed(platform, run_id, "plan")["recipe"])


def _outcomes(platform: Platform, run_id: int, batches: int) -> list[Any]:
    made = attempts.newest(platform.catalog, run_id)
    return [_handed(platform, run_id, f"outcomes-{batch}", made[f"prepare-{batch}"]) for batch in range(batches)]


def _embedding_seconds(platform: Platform, run_id: int) -> list[float]:
    made = attempts.newest(platform.catalog, run_id).items()
    batches = [(task.removeprefix("embed-"), number) for task, number in made if task.startswith("embed-")]
    return [_handed(platform, run_id, f"embedded-{batch}", number)["seconds"] for batch, number in batches]


def _hand_over(platform: Platform, run: Run, name: str, value: Any) -> None:
    """Keep what the next step needs, under the attempt's number: one that wakes up late overwrites nothing."""
    number = run.lease.attempt.number if run.lease.attempt else 0
    platform.lake.put(Kind.WORK, _handed_name(run.id, name, number), json.dumps(value, ensure_ascii=True).encode())


def _handed(platform: Platform, run_id: int, name: str, attempt: int = 0) -> Any:
    """What ``start`` handed on, or that attempt at another step."""
    return json.loads(platform.lake.get(Kind.WORK, _handed_name(run_id, name, attempt)))


def _handed_name(run_id: int, name: str, attempt: int) -> str:
    return f"{run_id}-{name}.{attempt}.json" if attempt else f"{run_id}-{name}.json"


def _work_of(platform: Platform, run_id: int) -> list[str]:
    return [name for name in platform.lake.names(Kind.WORK) if name.startswith(f"{run_id}-")]


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)
