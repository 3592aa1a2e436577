"""Evaluations as they are kept: a row of figures in the catalog, and in the lake what each question found.

The lake has two objects of an evaluation, both Parquet and named by their content. *questions*: ``id``, ``text``,
``documents`` (ids of those that it is about). *results*: ``question``, ``documents`` (ids, the best first),
``relevant``, and a column a measure. Texts stand in the first alone. They go when a document that they are about or
that they quote is erased. None of such a question is kept again: it is known by the document that it is about, or by
the last evaluation of its set, which has lost its text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, exists, insert, select, update

from penstock import leases, manifest
from penstock.catalog.schema import evaluations, releases
from penstock.errors import UnknownNameError, UsageError
from penstock.evaluation import documents, measures
from penstock.evaluation.comparing import Comparison
from penstock.evaluation.measuring import Measured
from penstock.evaluation.questions import Question
from penstock.ids import sha256
from penstock.lake import AlteredObjectError, Kind
from penstock.lake_errors import MissingObjectError
from penstock.platform import Platform

if TYPE_CHECKING:
    import pyarrow as pa

BY_HAND, BY_GATE = "evaluate", "gate"
RANKS_KEPT = 10


def keep(
    platform: Platform,
    index: str,
    measured: Measured,
    via: str = BY_HAND,
    comparison: Comparison | None = None,
    against: int | None = None,
) -> int:
    """Keep what was measured and return its number.

    What the gate of the same release, asked once before, left is replaced. Raises ``LeaseLostError`` where the side is
    a staged release and another writer has the index by now.
    """
    gone = documents.erased(platform, {id_ for one in measured.results.values() for id_ in one.about})
    untold = _untold(platform, index, measured.questions.name)
    tables = {"questions": questions_table(measured, gone, untold), "results": results_table(measured)}
    named = {column: _put(platform, table) for column, table in tables.items()}
    side, catalog = measured.side, platform.catalog
    with catalog.write() as connection:
        if side.lease is not None:
            leases.check(connection, catalog, side.lease)
        if via == BY_GATE:
            _forget_gate(connection, index, side.release)
        row = {
            "index_name": index,
            "release": side.release,
            "at": catalog.now(connection),
            "via": via,
            "set_name": measured.questions.name,
            "set_digest": measured.questions.digest,
            "settings": side.settings.model_dump(mode="json"),
            "asked": len(measured.results),
            "absent": dict(measured.absent),
            "figures": {name: figure.to_dict() for name, figure in measured.figures.items()},
            "seconds": measured.seconds,
            "against": against,
            "change": {n: figure.to_dict() for n, figure in comparison.change.items()} if comparison else None,
        }
        made = connection.execute(insert(evaluations).values(**row, **named).returning(evaluations.c.id))
        return int(made.scalar_one())


def _forget_gate(connection: Connection, index: str, release: int) -> None:
    mine = evaluations.c.index_name == index, evaluations.c.release == release, evaluations.c.via == BY_GATE
    connection.execute(delete(evaluations).where(*mine))


def history(platform: Platform, index: str, set_name: str | None = None) -> list[dict[str, Any]]:
    """Evaluations of an index, the oldest first, each with the state that its release is in now."""
    platform.settings.index(index)
    query = (
        select(evaluations, releases.c.state)
        .outerjoin(
            releases, (releases.c.index_name == evaluations.c.index_name) & (releases.c.number == evaluations.c.release)
        )
        .where(evaluations.c.index_name == index)
        .order_by(evaluations.c.id)
    )
    if set_name is not None:
        query = query.where(evaluations.c.set_name == set_name)
    with platform.catalog.read() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def results(platform: Platform, number: int) -> pa.Table:
    """What each question of an evaluation found, with its text where that is kept; see the module for the columns.

    Raises ``UnknownNameError``, and ``UsageError`` where the results went with their release.
    """
    import pyarrow as pa

    with platform.catalog.read() as connection:
        row = connection.execute(select(evaluations).where(evaluations.c.id == number)).one_or_none()
        if row is None:
            known = connection.execute(select(evaluations.c.id)).scalars()
            raise UnknownNameError("evaluation", str(number), map(str, known))
    if row.results is None:
        raise UsageError(f"the results of evaluation {number} went when release {row.release} was pruned")
    asked = _get(platform, row.questions).to_pylist() if row.questions else []
    texts = {one["id"]: one["text"] for one in asked}
    found = _get(platform, row.results)
    column = pa.array([texts.get(id_) for id_ in found["question"].to_pylist()], pa.string())
    return found.add_column(1, "text", column)


def _untold(platform: Platform, index: str, set_name: str) -> set[str]:
    """Ids of the questions of a set whose texts its last evaluation has lost: of whom they quoted nothing is left."""
    query = select(evaluations.c.questions).where(
        evaluations.c.index_name == index, evaluations.c.set_name == set_name, evaluations.c.questions.is_not(None)
    )
    with platform.catalog.read() as connection:
        name = connection.execute(query.order_by(evaluations.c.id.desc()).limit(1)).scalar()
    try:
        rows = _get(platform, name).to_pylist() if name else []
    except (MissingObjectError, AlteredObjectError):
        return set()
    return {row["id"] for row in rows if row["text"] is None}


def questions_table(measured: Measured, erased: Collection[str] = (), untold: Collection[str] = ()) -> pa.Table:
    """The texts too, but for a private set's, those about ``erased`` documents, and those of the ids ``untold``."""
    import pyarrow as pa

    schema = pa.schema({"id": pa.string(), "text": pa.string(), "documents": pa.list_(pa.string())})
    private, gone = measured.questions.private, set(erased)

    def text_of(one: Question, about: Collection[str]) -> str | None:
        return None if private or one.id in untold or gone & set(about) else one.text

    asked = [
        (one, measured.results[one.id].about) for one in measured.questions.questions if one.id in measured.results
    ]
    rows = [
        {
            "id": one.id,
            "text": text_of(one, about),
            "documents": list(about),
        }
        for one, about in asked
    ]
    return pa.Table.from_pylist(rows, schema)


def results_table(measured: Measured) -> pa.Table:
    import pyarrow as pa

    ids = pa.list_(pa.string())
    names = (*measures.NAMES, measures.SPAN)
    schema = pa.schema(
        {"question": pa.string(), "documents": ids, "relevant": ids, **dict.fromkeys(names, pa.float64())}
    )
    rows = [
        {
            "question": id_,
            "documents": list(result.documents[:RANKS_KEPT]),
            "relevant": list(result.relevant),
            **result.values,
        }
        for id_, result in measured.results.items()
    ]
    return pa.Table.from_pylist(rows, schema)


def _put(platform: Platform, table: pa.Table) -> str:
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    name = sha256(file.getvalue())
    platform.lake.put(Kind.EVALUATIONS, name, file.getvalue())
    return name


def _get(platform: Platform, name: str) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.read_table(io.BytesIO(platform.lake.get(Kind.EVALUATIONS, name)))


# what must go


def forget(platform: Platform, ids: Collection[str], quotes: Callable[[str], bool]) -> int:
    """Take the texts of questions about erased documents out of what is kept; return how many there were.

    So go texts that quote one of them, as ``quotes`` tells, whatever documents they name.

    Interrupted, it may be run again: what it left behind is then named by nothing, and goes with the orphans.
    """
    gone = 0
    for name in sorted(named(platform, evaluations.c.questions)):
        try:
            table = _get(platform, name)
        except (MissingObjectError, AlteredObjectError):  # nobody can say what was in it: none of it is kept
            _replace(platform, name, None)
            continue
        rows = table.to_pylist()
        told = [row for row in rows if row["text"] is not None]
        about = [row for row in told if set(ids) & set(row["documents"]) or quotes(row["text"])]
        if about:
            for row in about:
                row["text"] = None
            _replace(platform, name, _put(platform, type(table).from_pylist(rows, table.schema)))
        gone += len(about)
    return gone


def _replace(platform: Platform, name: str, new: str | None) -> None:
    with platform.catalog.write() as connection:
        connection.execute(update(evaluations).where(evaluations.c.questions == name).values(questions=new))
    platform.lake.delete(Kind.EVALUATIONS, [name])


def named(platform: Platform, *columns: Any) -> set[str]:
    """The lake objects that evaluations name in ``columns``, by default in any."""
    with platform.catalog.read() as connection:
        every = columns or (evaluations.c.questions, evaluations.c.results)
        return {one for column in every for one in connection.execute(select(column).distinct()).scalars() if one}


def sweep(platform: Platform, grace_s: float) -> int:
    """Let go of results whose release nobody can read any more, and delete what no evaluation names.

    Figures stay. Returns how many objects went; what is younger than ``grace_s`` may not have been named yet.
    """
    still_there = exists().where(
        releases.c.index_name == evaluations.c.index_name,
        releases.c.number == evaluations.c.release,
        releases.c.state.in_((*manifest.KEPT, *manifest.PENDING, manifest.STAGING)),
    )
    with platform.catalog.write() as connection:
        connection.execute(update(evaluations).where(~still_there).values(questions=None, results=None))
    wanted = named(platform)
    ages = platform.lake.ages(Kind.EVALUATIONS)
    stray = [name for name, age_s in ages if name not in wanted and age_s >= grace_s]
    platform.lake.delete(Kind.EVALUATIONS, stray)
    return len(stray)
