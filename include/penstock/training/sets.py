"""Frozen training sets: Parquet in the lake, a row in the catalog, and for each example what is behind it.

A set goes by the hash of what it held when it was frozen, so that the same state of the catalog gives the same set.
It is written to the lake first and to the catalog last: a set that has a row is whole.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.engine import Row

from penstock import wording
from penstock.batching import batched
from penstock.catalog import insert_or_update
from penstock.catalog.schema import documents, feedback, interactions, models, training_sets, training_sources
from penstock.errors import TransientError, UnknownNameError, UsageError
from penstock.ids import sha256
from penstock.lake import AlteredObjectError, Kind
from penstock.lake_errors import MissingObjectError
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.training.examples import AnyExample, digest, from_table, to_table
from penstock.training.splits import Split

SHOWN = 3


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """One set. ``at`` is when it was built last, ``data`` the SHA-256 of the Parquet that it was read from.

    ``erased`` is how many examples it lost since. ``card`` holds figures only: counts by split, source, language and
    kind, what was left out and why, and ``ready``, whether it has the examples that the settings ask for.
    """

    id: str
    index: str
    purpose: Purpose
    release: int
    at: float
    data: str | None
    erased: int
    options: Mapping[str, Any]
    card: Mapping[str, Any]
    examples: tuple[AnyExample, ...]

    def of(self, split: Split) -> list[AnyExample]:
        """In the order of their ids."""
        return [one for one in self.examples if one.split is split]


def freeze(
    platform: Platform,
    index: str,
    purpose: Purpose,
    release: int,
    examples: Sequence[AnyExample],
    options: Mapping[str, Any],
    card: Mapping[str, Any],
) -> TrainingSet:
    """Keep the examples as a set; one that holds the same is the newest again, with the newest card.

    Raises ``TransientError`` where something was erased while the set was made that it rests on, or that took its
    object along.
    """
    ordered = sorted(examples, key=lambda one: one.id)
    id_ = digest(purpose, ordered)
    data = put(platform, purpose, ordered)
    with platform.catalog.write() as connection:
        platform.catalog.hold(connection, interactions, feedback, training_sets)
        _require_all_there(connection, ordered)
        _require_written(platform, purpose, data)
        row = {
            "id": id_,
            "index_name": index,
            "purpose": purpose,
            "at": platform.catalog.now(connection),
            "release": release,
            "data": data,
            "examples": len(ordered),
            "options": dict(options),
            "card": dict(card),
            "erased": 0,
        }
        insert_or_update(connection, training_sets, [row], ["at", "options", "card"])
        whole = training_sets.c.id == id_, training_sets.c.erased == 0
        # Its object may have been lost, and another release of pyarrow writes the same examples in other bytes.
        connection.execute(update(training_sets).where(*whole, training_sets.c.data != data).values(data=data))
        for batch in batched(_sources(id_, ordered)):
            insert_or_update(connection, training_sources, batch, [])
    return load(platform, index, id_)


def _require_all_there(connection: Connection, examples: Sequence[AnyExample]) -> None:
    """In the transaction that names the set: whoever erases later finds it, and what was erased before stays out."""
    for table, name in ((interactions, "interactions"), (feedback, "feedback"), (documents, "documents")):
        wanted = {ref for one in examples for ref in getattr(one, name)}
        there: set[str] = set()
        for batch in batched(sorted(wanted)):
            query = select(table.c.id).where(table.c.id.in_(batch))
            query = query.where(documents.c.erased_at.is_(None)) if table is documents else query
            there.update(connection.execute(query).scalars())
        if wanted - there:
            gone = wording.count(len(wanted - there), f"of the {name}", f"of the {name}")
            raise TransientError(f"{gone} that the set rests on were erased while it was made; build it again")


def _require_written(platform: Platform, purpose: Purpose, data: str) -> None:
    """In the same transaction: an erasure sweeps objects that no set names yet."""
    try:
        get(platform, purpose, data)
    except MissingObjectError:
        raise TransientError("an erasure took the set's object along while it was made; build it again") from None


def _sources(set_id: str, examples: Sequence[AnyExample]) -> list[dict[str, str]]:
    behind = ("interactions", "interaction"), ("feedback", "feedback"), ("documents", "document")
    return [
        {"set_id": set_id, "example": one.id, "kind": kind, "ref": ref}
        for one in examples
        for name, kind in behind
        for ref in sorted(set(getattr(one, name)))
    ]


def put(platform: Platform, purpose: Purpose, examples: Sequence[AnyExample]) -> str:
    """Write the examples to the lake; return the name of the object."""
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(to_table(purpose, examples), file, compression="zstd")
    name = sha256(file.getvalue())
    platform.lake.put(Kind.TRAINING, name, file.getvalue())
    return name


def get(platform: Platform, purpose: Purpose, name: str) -> tuple[AnyExample, ...]:
    """Read what ``put`` wrote. Raises ``AlteredObjectError`` for an object that was edited, ``MissingObjectError``."""
    import pyarrow.parquet as pq

    return from_table(purpose, pq.read_table(io.BytesIO(platform.lake.get(Kind.TRAINING, name))))


def load(platform: Platform, index: str, set_id: str) -> TrainingSet:
    """A set by its id, or by how that begins.

    Raises ``UnknownNameError``, ``AlteredObjectError`` where its object was edited, ``MissingObjectError`` where it is
    gone.
    """
    with platform.catalog.read() as connection:
        row = row_of(connection, index, set_id)
    return _read(platform, row)


def row_of(connection: Connection, index: str, set_id: str) -> Row[Any]:
    """Of a set by its id, or by how that begins. Raises ``UnknownNameError``."""
    rows = of_index(connection, index)
    found = [row for row in rows if set_id and row.id.startswith(set_id)]
    if len(found) != 1:
        raise UnknownNameError(f"training set of {index!r}:", set_id, [row.id for row in rows])
    return found[0]


def latest(platform: Platform, index: str, purpose: Purpose) -> TrainingSet:
    """The newest set for a purpose. Raises ``UsageError`` where there is none; else as ``load`` does."""
    with platform.catalog.read() as connection:
        rows = of_index(connection, index, purpose)
    if not rows:
        raise UsageError(
            f"index {index!r} has no training set to tune the {purpose} on; run `penstock trainset build {index} --for "
            f"{purpose}`"
        )
    return _read(platform, rows[0])


def named(platform: Platform, index: str, purpose: Purpose, set_id: str | None) -> TrainingSet:
    """The set of that id, or the newest for the purpose. Raises ``UsageError`` where it is for another purpose."""
    platform.settings.index(index)
    if set_id is None:
        return latest(platform, index, purpose)
    found = load(platform, index, set_id)
    if found.purpose is not purpose:
        raise UsageError(f"training set {found.id} is for the {found.purpose}; write --for {found.purpose}")
    return found


def of_index(connection: Connection, index: str, purpose: Purpose | None = None) -> list[Row[Any]]:
    """Rows of the sets of an index, the newest first."""
    query = select(training_sets).where(training_sets.c.index_name == index)
    query = query.order_by(training_sets.c.at.desc(), training_sets.c.id)
    return list(connection.execute(query if purpose is None else query.where(training_sets.c.purpose == purpose)))


def objects(connection: Connection) -> set[str]:
    """Names in the lake of the sets of all indexes."""
    return set(connection.execute(select(training_sets.c.data).where(training_sets.c.data.is_not(None))).scalars())


def releases_named(connection: Connection, index: str) -> set[int]:
    """Releases that the passages of a set are from, as long as anything of the set is left: they are kept."""
    mine = training_sets.c.index_name == index, training_sets.c.data.is_not(None)
    return set(connection.execute(select(training_sets.c.release).where(*mine)).scalars())


# as people see them


def listed(platform: Platform, index: str) -> list[dict[str, Any]]:
    """The sets of an index, the newest first, without their examples."""
    platform.settings.index(index)
    with platform.catalog.read() as connection:
        rows = of_index(connection, index)
    return [
        {
            "id": row.id,
            "purpose": row.purpose,
            "made_at": row.at,
            "release": row.release,
            "examples": row.examples,
            "erased": row.erased,
            "ready": row.card["ready"],
        }
        for row in rows
    ]


def summary(one: TrainingSet) -> dict[str, Any]:
    """What a set is, and its card: no text."""
    return {
        "id": one.id,
        "index": one.index,
        "purpose": str(one.purpose),
        "made_at": one.at,
        "release": one.release,
        "data": one.data,
        "examples": len(one.examples),
        "erased": one.erased,
        "options": dict(one.options),
        "card": dict(one.card),
    }


def shown(one: TrainingSet, count: int = SHOWN) -> list[dict[str, Any]]:
    """The first examples as they are, for whoever looks at a set."""
    return [asdict(example) for example in one.examples[:count]]


def _read(platform: Platform, row: Row[Any]) -> TrainingSet:
    purpose = Purpose(row.purpose)
    try:
        examples = get(platform, purpose, row.data) if row.data else ()
    except MissingObjectError:
        raise MissingObjectError(_lost(platform, row, "is missing in the lake")) from None
    except AlteredObjectError:
        raise AlteredObjectError(_lost(platform, row, "was altered in the lake")) from None
    return TrainingSet(
        id=row.id,
        index=row.index_name,
        purpose=purpose,
        release=row.release,
        at=row.at,
        data=row.data,
        erased=row.erased,
        options=row.options,
        card=row.card,
        examples=examples,
    )


def _lost(platform: Platform, row: Row[Any], how: str) -> str:
    with platform.catalog.read() as connection:
        return f"training set {row.id} of {row.index_name!r} {how}; {to_mend(connection, row)}"


def to_mend(connection: Connection, row: Row[Any]) -> str:
    """What mends a set that the lake lost, or that was altered there.

    No set is built where a lost one alone says what was asked, until it is dropped; one that a model learned cannot be.
    """
    build = f"`penstock trainset build {row.index_name} --for {row.purpose}`"
    learned = connection.execute(select(models.c.id).where(models.c.set_id == row.id).limit(1)).first()
    if learned:
        return f"restore it from a backup, or, while the log still holds what it rests on, run {build}"
    drop = f"`penstock trainset drop {row.index_name} {row.id} --why …`"
    return f"restore it from a backup, or drop it by {drop}, then run {build}"
