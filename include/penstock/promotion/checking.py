"""Whether models, releases and MLflow's registry say the same: what ``verify`` asks of an index with tuned models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Row

from penstock import champions, manifest, trained
from penstock.errors import TransientError
from penstock.lake import AlteredObjectError, Kind
from penstock.lake_errors import MissingObjectError
from penstock.platform import Platform
from penstock.promotion import records, refusing, registry
from penstock.purposes import Purpose


def differences(platform: Platform, index: str) -> Iterator[tuple[str, str]]:
    """What differs, and what mends it."""
    with platform.catalog.read() as connection:
        serving = manifest.champions(connection, index)
        live, _ = manifest.pointer(connection, index)
        own = champions.trained_embedder(connection, index, live) if live else None
        known = {row.id: row for row in trained.of_index(connection, index)}
        yield from _unpromoted(connection, index, serving)
    if serving.get(champions.EMBEDDER) != own:
        named = serving.get(champions.EMBEDDER) or "the configured one"
        what = f"the champion embedder is {named}, and release {live} was built by {own or 'the configured one'}"
        yield what, f"run `penstock rollback {index} --to {live} --why …`, or `penstock resume {index} --why …`"
    for purpose, id_ in serving.items():
        if id_ not in known:
            yield f"the champion {purpose} {id_} is no model of this catalog", f"run `penstock demote {index} --why …`"
        elif not refusing.serves(platform, index, known[id_]):
            what = f"the champion {purpose} {id_} is not called: the configuration does not name what it was tuned from"
            mend = f"name {known[id_].base!r} there, or run `penstock demote {index} --for {purpose} --why …`"
            yield what, mend
    for row in known.values():
        if lost := _lost(platform, row):
            yield f"model {row.id}: {lost}", "restore it from a backup, or train it again"
        if edited := trained.altered(trained.copy_of(platform, row.id), row.files):
            yield f"model {row.id}: {edited} was altered", f"delete {edited}: it is fetched from the lake again"
    if known:
        yield from _of_the_registry(platform, index)


def _unpromoted(connection: Connection, index: str, serving: champions.Models) -> Iterator[tuple[str, str]]:
    for purpose in (champions.RERANKER, champions.GENERATOR):
        promoted = records.in_force(connection, index, Purpose(purpose))
        should = promoted.model if promoted else None
        if serving.get(purpose) != should:
            what = f"the champion {purpose} is {serving.get(purpose)}, and the last promotion in force is of {should}"
            yield what, f"run `penstock demote {index} --for {purpose} --why …`, or promote it again"


def _lost(platform: Platform, row: Row[Any]) -> str:
    """What the lake no longer holds of a model, as it was kept; empty where that is nothing."""
    for name, digest in row.files.items():
        try:
            platform.lake.check(Kind.MODELS, digest)
        except MissingObjectError:
            return f"{name} is missing in the lake"
        except AlteredObjectError:
            return f"{name} was altered in the lake"
    return ""


def _of_the_registry(platform: Platform, index: str) -> Iterator[tuple[str, str]]:
    mend = f"run `penstock models {index} --sync`"
    try:
        for what in registry.differences(platform, index):
            yield what, mend
    except TransientError as error:
        yield f"the registry could not be asked: {error}", f"once it answers, {mend}"
