"""A training from its set to a challenger in the lake. What can be refused is refused before anything is trained."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from penstock.embedding.folder import read_json
from penstock.errors import LeaseHeldError, RefusedError, TransientError, UnknownNameError, UsageError
from penstock.memory import keep_what_is_freed
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.purposes import Purpose
from penstock.settings import EmbedderSettings
from penstock.trained import Training, keep
from penstock.training import sets
from penstock.training.audience import require_for_all
from penstock.training.sets import TrainingSet
from penstock.training.splits import Split
from penstock.tuning import bases, cards, checkpoints, estimates, opening, tracking
from penstock.tuning.job import Base, Job, Tuned, check_libraries, key
from penstock.tuning_settings import RECIPES, AnyRecipe, EmbedderRecipe, GeneratorRecipe, RerankerRecipe
from penstock.wording import count

LIBRARIES = ("torch", "transformers", "sentence-transformers", "peft", "trl")


@dataclass(frozen=True, slots=True)
class Challenger:
    """A model that was trained and kept. ``figures`` are of the validation split: nothing here has seen the test."""

    id: str
    index: str
    purpose: Purpose
    set_id: str
    recipe: str
    base: str
    figures: dict[str, Any]
    estimate: dict[str, Any]
    tracking: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def train(
    platform: Platform,
    index: str,
    purpose: Purpose,
    recipe_name: str | None = None,
    set_id: str | None = None,
    progress: Progress | None = None,
) -> Challenger:
    """Tune a model of ``index``; the newest training set for the purpose unless one is named.

    Raises ``RefusedError`` for a set that is too small or cannot be split, ``UsageError`` and ``ModelError`` for what
    cannot be tuned, ``DiskFullError``, ``LeaseHeldError`` beside another training of the same, and ``TransientError``
    where MLflow does not answer. Killed or failed, it goes on from its last checkpoint.
    """
    settings = platform.settings.index(index)
    recipe = chosen(platform, purpose, recipe_name)
    set_ = sets.load(platform, index, set_id) if set_id else sets.latest(platform, index, purpose)
    check_set(set_, purpose, settings.training.min_examples)
    require_for_all(platform, index, purpose, set_.id)
    check_libraries()
    base = bases.find(platform, index, purpose, recipe)
    embedder = settings.embedder if isinstance(settings.embedder, EmbedderSettings) else EmbedderSettings()
    keep_what_is_freed()
    with working(platform, index, purpose, key(set_, recipe, base)) as folder:
        expected = expectation(set_, recipe, base)
        estimates.check(expected, recipe, folder)
        described = describe(set_, recipe, base)
        run = tracking.begin(platform.settings.tracking_url, index, f"{purpose} {set_.id}", described, folder / "run")
        try:
            job = Job(index, set_, recipe, base, embedder, folder, run, progress or Progress())
            with checkpoints.room(folder):
                tuned = tune(job)
            versions = {"penstock": tracking.code_version()} | {name: version(name) for name in LIBRARIES}
            run.ended(tuned.figures, cards.card(job, tuned.figures, versions), {"base": base.name})
        except BaseException:
            run.failed()
            raise
        training = Training(base.name, set_.id, described, tuned.figures, run.id)
        id_ = keep(platform, index, purpose, tuned.folder, training, partial(require_unchanged, set_))
        shutil.rmtree(folder)
    name = recipe_name or "built in"
    figures = dict(tuned.figures)
    return Challenger(id_, index, purpose, set_.id, name, base.name, figures, expected.to_dict(), run.id)


def chosen(platform: Platform, purpose: Purpose, name: str | None) -> AnyRecipe:
    """The recipe of that name, or the one that is built in. Raises ``UnknownNameError`` or ``UsageError``."""
    if name is None:
        return RECIPES[purpose]()
    known = platform.settings.recipes
    if name not in known:
        raise UnknownNameError("recipe", name, known)
    if known[name].purpose != purpose:
        raise UsageError(f"recipe {name!r} is for {a(known[name].purpose)}, and this is for {a(purpose)}; name another")
    return known[name]


def check_set(set_: TrainingSet, purpose: Purpose, least: int) -> None:
    """Raise ``UsageError`` or ``RefusedError`` unless something can be learned from the set."""
    if set_.purpose is not purpose:
        raise UsageError(f"training set {set_.id} is for {a(set_.purpose)}, and this is for {a(purpose)}; name another")
    asked = [one for one in set_.examples if one.asked]
    if len(asked) < least:
        raise RefusedError(
            f"training set {set_.id} holds {count(len(asked), 'example')}, and {least} are asked for; "
            f"collect more feedback, or lower indexes.{set_.index}.training.min_examples"
        )
    groups = {one.group for one in asked if one.split is Split.TRAIN}
    if len(groups) < 2:
        raise RefusedError(
            f"training set {set_.id} has {len(groups)} group to train on: all of it says nearly the same, or rests on "
            "one document; collect feedback on others"
        )
    if not set_.of(Split.VALIDATION):
        raise RefusedError(
            f"training set {set_.id} has no validation example, so nobody could see when to stop; collect more feedback"
        )


def require_unchanged(set_: TrainingSet, connection: Connection) -> None:
    """Raise ``TransientError`` where something was erased from the set while a model learned it, or it was dropped.

    In the transaction that names the model: whoever erases later finds it.
    """
    if sets.row_of(connection, set_.index, set_.id).data != set_.data:
        raise TransientError(
            f"examples of training set {set_.id} were erased while a model was trained on them; that model is not "
            "kept: train again"
        )


def expectation(set_: TrainingSet, recipe: AnyRecipe, base: Base) -> estimates.Estimate:
    sizes, weights = opening.sizes(read_json(base.root / "config.json", {})), bases.size_bytes(base.root)
    return estimates.estimate(sizes, weights, recipe, work(set_, recipe, base), estimates.machine_flops())


def work(set_: TrainingSet, recipe: AnyRecipe, base: Base) -> estimates.Work:
    rows = len(set_.of(Split.TRAIN))
    match recipe:
        case EmbedderRecipe():
            return estimates.Work(rows, recipe.max_length, texts=2 + recipe.negatives)
        case RerankerRecipe():
            return estimates.Work(rows * recipe.passages, recipe.max_length)
        case GeneratorRecipe():
            from penstock.tuning import generator

            return generator.work(set_, base, recipe)


def describe(set_: TrainingSet, recipe: AnyRecipe, base: Base) -> dict[str, Any]:
    """What MLflow and the catalog are told: all that the result follows from."""
    data = {"set": set_.id, "data": set_.data, "base": base.name, "base_fingerprint": base.fingerprint}
    return {**recipe.model_dump(mode="json", exclude_none=True), **data}


@contextmanager
def working(platform: Platform, index: str, purpose: Purpose, name: str) -> Iterator[Path]:
    """This training's folder, for one process at a time; another's for the same index and purpose are deleted.

    The system frees the lock when its holder dies. Raises ``LeaseHeldError``.
    """
    home = platform.settings.home / "tuning" / index / purpose
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LeaseHeldError(
                f"another training of {a(purpose)} for index {index!r} runs on this machine; wait until it ends"
            ) from None
        for old in home.iterdir():
            if old.is_dir() and old.name != name:
                shutil.rmtree(old)
        folder = home / name
        folder.mkdir(exist_ok=True)
        yield folder


def a(purpose: str) -> str:
    return f"{'an' if purpose == Purpose.EMBEDDER else 'a'} {purpose}"


def tune(job: Job) -> Tuned:
    match job.recipe:
        case EmbedderRecipe() as recipe:
            from penstock.tuning import embedder

            return embedder.tune(job, recipe)
        case RerankerRecipe() as recipe:
            from penstock.tuning import reranker

            return reranker.tune(job, recipe)
        case GeneratorRecipe() as recipe:
            from penstock.tuning import generator

            return generator.tune(job, recipe)
