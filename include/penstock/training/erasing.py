"""Examples that must be forgotten: taken out of every set, and every model named that was trained on one of them.

A set is written anew without them, under the id that it has; it counts what it lost, and its card says whether it will
do still. What a model has learned nobody can take out of it: its row keeps the decisions that it would have to be
trained again for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.engine import Row

from penstock.batching import batched
from penstock.catalog.schema import models, training_sets, training_sources
from penstock.lake import AlteredObjectError, Kind
from penstock.lake_errors import MissingObjectError
from penstock.platform import Platform
from penstock.promotion import registry
from penstock.purposes import Purpose
from penstock.settings import TRAINED
from penstock.training import cards, sets
from penstock.training.examples import AnyExample

TEXTS = ("query", "positive", "negatives", "passages", "messages", "answer", "rejected")


def forget(
    platform: Platform,
    refs: Collection[str],
    decision: int,
    quotes: Callable[[str], bool] | None = None,
    before: Collection[int] = (),
) -> dict[str, Any]:
    """Take out the examples that rest on any of ``refs`` (ids of documents, interactions, feedback), or quote.

    Returns how many they were, the sets and the models, for a certificate. It may be run again: models that earlier
    decisions about the same (``before``) found are named again, though no set holds any more what they learned.
    """
    with platform.catalog.read() as connection:
        found = resting_on(connection, refs)
        rows = connection.execute(select(training_sets).where(training_sets.c.data.is_not(None))).all()
    erased: dict[str, int] = {}
    tainted = _found_before(platform, before, decision)
    for row in rows:
        if row.id in found or quotes is not None:
            lost, trained = _without(platform, row, found.get(row.id, set()), quotes, decision)
            erased |= {row.id: lost} if lost else {}
            tainted |= trained
    _name_in_the_registry(platform)
    return {
        "training_examples_erased": sum(erased.values()),
        "training_sets": sorted(erased),
        "models_trained_on_them": sorted(tainted),
    }


def both(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What two calls of ``forget`` took out, as of one."""
    named = {name: sorted({*one[name], *other[name]}) for name in ("training_sets", "models_trained_on_them")}
    return {"training_examples_erased": one["training_examples_erased"] + other["training_examples_erased"], **named}


def sweep_strays(platform: Platform) -> None:
    """Delete objects that no set names: one that was dropped, or what a build left that was killed.

    Whose words are in them, nobody can say. A build that is under way beside this finds out and is done again.
    """
    catalog = platform.catalog
    with catalog.write() as connection:
        catalog.hold(connection, training_sets, alone=True)
        named = sets.objects(connection)
        strays = [name for name in platform.lake.names(Kind.TRAINING) if name not in named]
        platform.lake.delete(Kind.TRAINING, strays)


def resting_on(connection: Connection, refs: Collection[str]) -> dict[str, set[str]]:
    """By set: the examples that rest on any of these."""
    found: dict[str, set[str]] = defaultdict(set)
    for batch in batched(sorted(refs)):
        query = select(training_sources.c.set_id, training_sources.c.example).where(training_sources.c.ref.in_(batch))
        for row in connection.execute(query):
            found[row.set_id].add(row.example)
    return found


def _without(
    platform: Platform,
    row: Row[Any],
    gone: Collection[str],
    quotes: Callable[[str], bool] | None,
    decision: int,
) -> tuple[int, set[str]]:
    """Write one set anew; return how many examples it lost and the models that had learned them."""
    purpose = Purpose(row.purpose)
    try:
        examples: Sequence[AnyExample] = sets.get(platform, purpose, row.data)
    except (MissingObjectError, AlteredObjectError):  # nobody can say what was in it: none of it is kept
        examples = ()
    kept = [one for one in examples if one.id not in gone and not (quotes and any(map(quotes, _texts(asdict(one)))))]
    lost = row.examples - len(kept)
    if not lost:
        return 0, set()
    data = sets.put(platform, purpose, kept) if kept else None
    out = {one.id for one in examples} - {one.id for one in kept} | set(gone)
    with platform.catalog.write() as connection:
        left = {"data": data, "examples": len(kept), "card": cards.after_an_erasure(row.card, kept)}
        values = {**left, "erased": training_sets.c.erased + lost}
        connection.execute(update(training_sets).where(training_sets.c.id == row.id).values(**values))
        _forget_sources(connection, row.id, out if kept else None)
        tainted = _taint(connection, row.id, decision)
        shared = connection.execute(select(training_sets.c.id).where(training_sets.c.data == row.data)).first()
    if not shared:
        platform.lake.delete(Kind.TRAINING, [row.data])
    return lost, tainted


def _forget_sources(connection: Connection, set_id: str, examples: Collection[str] | None) -> None:
    mine = training_sources.c.set_id == set_id
    if examples is None:
        connection.execute(delete(training_sources).where(mine))
        return
    for batch in batched(sorted(examples)):
        connection.execute(delete(training_sources).where(mine, training_sources.c.example.in_(batch)))


def _taint(connection: Connection, set_id: str, decision: int) -> set[str]:
    """Name the models that were trained on a set, and those that were tuned from one of them."""
    rows = connection.execute(select(models.c.id, models.c.base, models.c.set_id, models.c.tainted)).all()
    found = {row.id for row in rows if row.set_id == set_id}
    while more := {row.id for row in rows if row.base in {TRAINED + one for one in found}} - found:
        found |= more
    for row in rows:
        if row.id in found:
            decisions = sorted({*row.tainted, decision})
            connection.execute(update(models).where(models.c.id == row.id).values(tainted=decisions))
    return found


def _found_before(platform: Platform, before: Collection[int], decision: int) -> set[str]:
    with platform.catalog.write() as connection:
        rows = connection.execute(select(models.c.id, models.c.tainted)).all()
        found = {row.id: row.tainted for row in rows if set(before) & set(row.tainted)}
        for id_, earlier in found.items():
            values = {"tainted": sorted({*earlier, decision})}
            connection.execute(update(models).where(models.c.id == id_).values(**values))
    return set(found)


def _name_in_the_registry(platform: Platform) -> None:
    """Of every index, as an erasure before this one may have been killed ahead of it."""
    with platform.catalog.read() as connection:
        rows = connection.execute(select(models.c.index_name, models.c.tainted)).all()
    for index in sorted({row.index_name for row in rows if row.tainted}):
        registry.follow(platform, index)


def _texts(example: dict[str, Any]) -> Iterator[str]:
    """Every text of an example, however deep."""
    for name in TEXTS:
        yield from _strings(example.get(name))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)
