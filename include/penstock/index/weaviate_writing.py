"""Write to a Weaviate collection: every object's own answer is read, and what another try may mend is tried again.

A server that is killed may have kept an object of a request under way and not what its filters need to find it. It
then takes the same values for no change, and mends nothing. So rows are deleted before they are put and looked for
afterwards, and a property that has the wanted value already is set to another one first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from weaviate.classes.query import Filter
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateInsertManyAllFailedError

from penstock.batching import batched
from penstock.errors import PenstockError, StoreError, TransientError
from penstock.filters.values import FieldType
from penstock.index.weaviate_rows import to_object
from penstock.index.weaviate_server import said, says_try_again, shortened
from penstock.records import IndexRow

if TYPE_CHECKING:
    from weaviate.collections import Collection

ROWS_AT_ONCE = 1_000
"""Rows in one request: 2.5 MB at 384 dimensions, where the server takes 100."""
ROWS_CHECKED_AT_ONCE = 4_000
SIDE_BY_SIDE = 8
"""Changes of single rows under way at a time; Weaviate has no request that changes many."""
PAUSES_S = (0.5, 1.0, 2.0, 4.0)
SHOWN = 10


def insert(collection: Collection[Any, Any], rows: Iterable[IndexRow], types: Mapping[str, FieldType]) -> None:
    """Put whole rows, replacing those of the same id; ``types`` are those of their fields.

    Raises ``StoreError`` or ``TransientError`` naming the rows that the server did not take, with what it said.
    """
    for batch in batched(rows, ROWS_CHECKED_AT_ONCE):
        left = {row.id: row for row in batch}
        delete(collection, Filter.by_id().contains_any(list(left)))
        before = _staged(collection, batch)
        _put(collection, batch, types)
        if _staged(collection, batch) == before + len(left):
            continue
        if unfound := _unfound(collection, left):
            for id_ in unfound:
                collection.data.delete_by_id(id_)  # by its address, which needs no filter
            _put(collection, [left[id_] for id_ in unfound], types)
            if unfound := _unfound(collection, left):
                raise TransientError(
                    f"the server took {len(unfound)} rows and does not find them: {', '.join(unfound[:SHOWN])}"
                )


def _put(collection: Collection[Any, Any], rows: Sequence[IndexRow], types: Mapping[str, FieldType]) -> None:
    """In requests of which two are under way: while the server indexes one, the next is made ready."""

    def put(part: Sequence[IndexRow]) -> None:
        _repeated(lambda left: _insert(collection, list(left.values()), types), {row.id: row for row in part}, "take")

    with ThreadPoolExecutor(2, thread_name_prefix="insert") as pool:
        for _ in pool.map(put, batched(rows, ROWS_AT_ONCE)):
            pass


def _staged(collection: Collection[Any, Any], batch: Sequence[IndexRow]) -> int:
    """Rows added in the releases of the batch: asking for their number costs a tenth of asking for each."""
    numbers = sorted({row.added_in for row in batch})
    added = Filter.by_property("added_in").contains_any(numbers)
    return int(collection.aggregate.over_all(filters=added, total_count=True).total_count or 0)


def _unfound(collection: Collection[Any, Any], ids: Mapping[str, Any]) -> list[str]:
    named = Filter.by_id().contains_any(list(ids))
    found = collection.query.fetch_objects(filters=named, limit=len(ids), return_properties=[])
    return sorted(set(ids) - {str(one.uuid) for one in found.objects})


def _insert(
    collection: Collection[Any, Any], rows: Sequence[IndexRow], types: Mapping[str, FieldType]
) -> dict[str, str]:
    """Row id → why the server did not take it."""
    try:
        answer = collection.data.insert_many([to_object(row, types) for row in rows])
    except WeaviateInsertManyAllFailedError as error:
        return dict.fromkeys((row.id for row in rows), said(error))
    return {rows[place].id: str(error.message) for place, error in answer.errors.items()}


def change(collection: Collection[Any, Any], name: str, rows: Iterable[tuple[IndexRow, Any]], other: Any) -> None:
    """Set one property of rows, in place, to the value beside each; ``other`` is one that harms nobody meanwhile.

    The server merges it into what stands there by then, so two that change different properties lose nothing.
    """
    wanted = {row.id: (value, _held(row, name) == value) for row, value in rows}
    again = {id_: {name: other} for id_, (_, stands) in wanted.items() if stands}
    _repeated(lambda left: _change(collection, left), again, "change")
    _repeated(lambda left: _change(collection, left), {id_: {name: new} for id_, (new, _) in wanted.items()}, "change")


def _held(row: IndexRow, name: str) -> Any:
    value = getattr(row, name)
    return list(value) if isinstance(value, tuple) else value


def _change(collection: Collection[Any, Any], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    def one(item: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
        try:
            collection.data.update(uuid=item[0], properties=dict(item[1]))
        except UnexpectedStatusCodeError as error:
            # A row that was deleted meanwhile needs no change.
            return item[0], "" if error.status_code == 404 else said(error)
        return item[0], ""

    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="change") as pool:
        return {id_: problem for id_, problem in pool.map(one, changes.items()) if problem}


def delete(collection: Collection[Any, Any], condition: Any) -> int:
    """Delete every row that the filter finds, past the server's limit for one request; return how many.

    Raises ``StoreError`` or ``TransientError`` naming rows that the server did not delete, with what it said.
    """
    gone, pauses = 0, iter(PAUSES_S)
    while True:
        answer = collection.data.delete_many(where=condition)
        gone += int(answer.successful)
        if answer.matches <= answer.successful:
            return gone
        if not answer.successful and not _paused(pauses):
            raise _undeleted(collection, condition, answer.matches)


def _undeleted(collection: Collection[Any, Any], condition: Any, left: int) -> PenstockError:
    """The server's answer to many gives no reason and may give no names, so one row is tried by its address."""
    found = collection.query.fetch_objects(filters=condition, limit=SHOWN, return_properties=[])
    names, why = [str(one.uuid) for one in found.objects], ""
    try:
        for name in names[:1]:
            collection.data.delete_by_id(name)
    except UnexpectedStatusCodeError as error:
        why = said(error)
    message = f"the server did not delete {left} rows, {', '.join(names)} among them: {why or 'it does not say why'}"
    return StoreError(message) if why and not says_try_again(why) else TransientError(message)


def _repeated(write: Callable[[dict[str, Any]], dict[str, str]], left: dict[str, Any], verb: str) -> None:
    """Write, and write again what the server could not take now; raise for what is left, by name."""
    pauses = iter(PAUSES_S)
    while True:
        failed = write(left)
        if lasting := {id_: why for id_, why in failed.items() if not says_try_again(why)}:
            raise StoreError(_unwritten(verb, lasting, len(left)))
        left = {id_: left[id_] for id_ in failed}
        if not left:
            return
        if not _paused(pauses):
            raise TransientError(_unwritten(verb, failed, len(left)))


def _paused(pauses: Iterator[float]) -> bool:
    """Wait for the next of the pauses; false where there is none left."""
    pause_s = next(pauses, None)
    time.sleep(pause_s or 0.0)
    return pause_s is not None


def _unwritten(verb: str, failed: Mapping[str, str], of: int) -> str:
    said_ = "; ".join(f"{id_}: {shortened(why, 300)}" for id_, why in list(failed.items())[:SHOWN])
    more = f"; and {len(failed) - SHOWN} more" if len(failed) > SHOWN else ""
    return f"the server did not {verb} {len(failed)} of {of} rows: {said_}{more}"
