"""What a row is in a Weaviate collection: its properties, its way there and back, and the filters that name rows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from weaviate.classes.data import DataObject
from weaviate.classes.query import Filter

from penstock.batching import batched
from penstock.filters.values import FieldType, value_of
from penstock.index.rules import readers, runs
from penstock.index.weaviate_filters import compiled, stored
from penstock.index.weaviate_schema import EXACT, FIELD, SLOTS, VECTOR, decoded, encoded, value_property
from penstock.records import IndexRow, Query

if TYPE_CHECKING:
    from weaviate.collections import Collection

IN_NAMES = 500
"""Names in one filter."""
PLAIN = ("title", "text", "content", "nth", "added_in", "removed_in")


def shown(value: str) -> str:
    return str(json.loads(value)) if value[:1] == '"' else value


def as_uuid(id_: str) -> str | None:
    """The row's id as the server's; ``None`` where it is none, so that no row can have it."""
    try:
        return str(uuid.UUID(id_)) if str(uuid.UUID(id_)) == id_ else None
    except ValueError:
        return None


def slot(id_: str) -> int:
    return int(id_[:6], 16)


def to_object(row: IndexRow, types: Mapping[str, FieldType]) -> DataObject[Any, Any]:
    properties: dict[str, Any] = {name: getattr(row, name) for name in PLAIN}
    properties |= {name: stored(getattr(row, name)) for name in EXACT}
    properties |= {FIELD + encoded(name): stored(value) for name, value in row.fields.items()}
    properties |= dict(_values(row, types))
    properties |= {"headings": list(row.headings), "principals": list(row.principals), "slot": slot(row.id)}
    return DataObject(properties=properties, uuid=row.id, vector={VECTOR: [float(number) for number in row.vector]})


def _values(row: IndexRow, types: Mapping[str, FieldType]) -> Iterator[tuple[str, Any]]:
    """What the texts of typed fields read as; a property that is left out is null."""
    for name, text in row.fields.items():
        value = value_of(types[name], text)
        if types[name] != "text" and value is not None:
            kept = [stored(one) for one in value] if isinstance(value, tuple) else value
            yield value_property(name, types[name]), kept


def from_object(one: Any) -> IndexRow:
    properties: dict[str, Any] = one.properties
    fields = {
        decoded(name.removeprefix(FIELD)): shown(value)
        for name, value in properties.items()
        if name.startswith(FIELD) and value is not None
    }
    named: dict[str, Any] = {name: properties[name] for name in PLAIN}
    named |= {name: shown(properties[name]) for name in EXACT}
    return IndexRow(
        **named,
        id=str(one.uuid),
        headings=tuple(properties["headings"] or ()),
        principals=tuple(properties["principals"]),
        fields=fields,
        vector=one.vector.get(VECTOR, ()) if one.vector else (),
    )


def rows_of(collection: Collection[Any, Any], ids: Sequence[str]) -> Iterator[IndexRow]:
    """The rows of these ids, in any order, without vectors; an id without a row is left out."""
    for names in batched(ids, IN_NAMES):
        named = Filter.by_id().contains_any(names)
        yield from map(from_object, collection.query.fetch_objects(filters=named, limit=len(names)).objects)


# -- filters ----------------------------------------------------------------------------------------------------------


def equal(name: str, value: int) -> Any:
    return Filter.by_property(name).equal(int(value))


def visible(release: int) -> Any:
    """Rows that are not removed yet. While a row's ``removed_in`` is set anew the server's index holds neither the old
    number nor the new one for a moment: asked for a greater number it would leave the row out.
    """
    removed = Filter.by_property("removed_in").less_or_equal(int(release))
    return Filter.by_property("added_in").less_or_equal(int(release)) & Filter.not_(removed)


def hidden(release: int) -> Any:
    """Every row that is not ``visible``."""
    later = Filter.by_property("added_in").greater_than(int(release))
    return later | Filter.by_property("removed_in").less_or_equal(int(release))


def of_documents(documents: Sequence[str]) -> Any:
    return Filter.by_property("document_id").contains_any([stored(one) for one in documents])


def of_query(query: Query) -> Any:
    """What a reader may find: in the release, for one of the principals, and as asked for."""
    who = list(readers(query.principals))
    conditions = [visible(query.release), Filter.by_property("principals").contains_any(who)]
    return Filter.all_of([*conditions, compiled(query.where)] if query.where else conditions)


def in_slots(part: int, parts: int) -> Any:
    """The ``part``-th of so many equal shares of all rows."""
    first, end = part * SLOTS // parts, (part + 1) * SLOTS // parts
    return Filter.by_property("slot").greater_or_equal(first) & Filter.by_property("slot").less_than(end)


def unseen(kept: Iterable[int], at_once: int) -> list[Any]:
    """Filters on the rows that no kept release sees: those whose life lies in a gap between kept releases."""
    spans = runs(kept)
    gaps = [Filter.by_property("removed_in").less_or_equal(spans[0][0])]
    gaps += [
        Filter.by_property("added_in").greater_than(last) & Filter.by_property("removed_in").less_or_equal(first)
        for (_, last), (first, _) in pairwise(spans)
    ]
    gaps.append(Filter.by_property("added_in").greater_than(spans[-1][1]))
    return [Filter.any_of(gaps[start : start + at_once]) for start in range(0, len(gaps), at_once)]
