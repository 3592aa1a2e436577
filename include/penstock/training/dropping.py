"""Training sets that nobody needs any more, and what the lake is left with: objects of sets and models without a row.

A set stays as long as a model that was trained on it: by what the set holds an erasure finds out which models learned
something that must be forgotten, and no command takes a model away. What a set settled stays for ever: the split of
each of its questions, and the looks at its test examples.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select

from penstock import decisions, wording
from penstock.catalog.schema import models, training_sets, training_sources
from penstock.decisions import Who
from penstock.errors import RefusedError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.training import sets


def drop(platform: Platform, index: str, set_id: str, who: Who, why: str) -> dict[str, Any]:
    """Drop a set, by its id or how that begins; ``prune`` collects its object, as of everything that nothing names.

    Raises ``RefusedError`` where a model was trained on it, ``UsageError`` for a blank reason, ``UnknownNameError``.
    """
    why = decisions.reasoned(why)
    platform.settings.index(index)
    with platform.catalog.write() as connection:
        row = sets.row_of(connection, index, set_id)
        learned = connection.execute(
            select(models.c.id).where(models.c.set_id == row.id).order_by(models.c.at, models.c.id)
        )
        if names := list(learned.scalars()):
            raise RefusedError(
                f"training set {row.id} stays as long as {wording.count(len(names), 'model')} of {index!r} that "
                f"learned it: {', '.join(names)}; an erasure could not name them without it"
            )
        connection.execute(delete(training_sources).where(training_sources.c.set_id == row.id))
        connection.execute(delete(training_sets).where(training_sets.c.id == row.id))
        said = f"{row.purpose} {row.id}, {wording.count(row.examples, 'example')}: {why}"
        decision = decisions.record(connection, platform.catalog, who, "drop-training-set", said, index)
    return {"id": row.id, "index": index, "purpose": row.purpose, "examples": row.examples, "decision": decision}


def sweep(platform: Platform, grace_s: float) -> dict[str, int]:
    """Delete objects that no set and no model names; what is younger than ``grace_s`` may not have been named yet."""
    with platform.catalog.read() as connection:
        named = {Kind.TRAINING: sets.objects(connection), Kind.MODELS: _of_models(connection)}
    swept = {}
    for kind, names in named.items():
        stray = [name for name, age_s in platform.lake.ages(kind) if name not in names and age_s >= grace_s]
        platform.lake.delete(kind, stray)
        swept[kind] = len(stray)
    return {"swept_training_sets": swept[Kind.TRAINING], "swept_model_files": swept[Kind.MODELS]}


def _of_models(connection: Connection) -> set[str]:
    return {name for files in connection.execute(select(models.c.files)).scalars() for name in files.values()}
