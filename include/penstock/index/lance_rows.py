"""What a row is in a Lance table: its columns, its way to Arrow and back, and the words of SQL that name rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from penstock.filters.values import FieldType, value_of
from penstock.index.rules import Fields, types_of
from penstock.records import IndexRow

if TYPE_CHECKING:
    from lancedb.table import Table

FIELD = "field_"
"""Prefix of the columns that hold declared fields, so that a field may be called ``text`` or ``id``."""

VALUES: dict[FieldType, pa.DataType] = {
    "number": pa.float64(),
    "date": pa.timestamp("ms", tz="UTC"),
    "texts": pa.list_(pa.string()),
}
"""A field that is more than text has a column of its values too, ``number_year`` beside ``field_year``."""

PLAIN = ("id", "document_id", "source", "key", "title", "text", "headings", "kind", "content", "nth")


def schema(dimension: int, fields: Fields) -> pa.Schema:
    declared = sorted(types_of(fields).items())
    types: dict[str, pa.DataType] = {name: pa.string() for name in PLAIN}
    types |= {"headings": pa.list_(pa.string()), "nth": pa.int32()}
    types |= {FIELD + name: pa.string() for name, _ in declared}
    types |= {value_column(name, type_): VALUES[type_] for name, type_ in declared if type_ in VALUES}
    types |= {"principals": pa.list_(pa.string()), "added_in": pa.int32(), "removed_in": pa.int32()}
    types |= {"vector": pa.list_(pa.float32(), dimension)}
    return pa.schema([pa.field(name, kind) for name, kind in types.items()])


def differences(actual: pa.Schema, wanted: pa.Schema) -> list[str]:
    have, want = ({field.name: str(field.type) for field in schema} for schema in (actual, wanted))
    return [
        f"{name} is {have.get(name, 'absent')}, wanted {want.get(name, 'absent')}"
        for name in sorted({*have, *want})
        if have.get(name) != want.get(name)
    ]


def dimension(schema: pa.Schema) -> int:
    return int(schema.field("vector").type.list_size)


def fields(schema: pa.Schema) -> dict[str, FieldType]:
    """The declared fields, by what columns there are for each."""
    declared = [name.removeprefix(FIELD) for name in schema.names if name.startswith(FIELD)]
    types = {name: type_ for name in declared for type_ in VALUES if value_column(name, type_) in schema.names}
    return {name: types.get(name, "text") for name in declared}


def columns(schema: pa.Schema) -> list[str]:
    return [name for name in schema.names if name != "vector"]


def column(name: str) -> str:
    return name if name in PLAIN else FIELD + name


def value_column(name: str, type_: FieldType) -> str:
    """The column that a search compares."""
    return column(name) if type_ == "text" else f"{type_}_{name}"


def to_arrow(rows: Sequence[IndexRow], schema: pa.Schema) -> pa.Table:
    columns: dict[str, Any] = {}
    valued = {value_column(name, type_): (name, type_) for name, type_ in fields(schema).items() if type_ in VALUES}
    for field in schema:
        if field.name == "vector":
            flat = np.asarray([row.vector for row in rows], np.float32).ravel()
            columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(flat), field.type.list_size)
        elif field.name.startswith(FIELD):
            name = field.name.removeprefix(FIELD)
            columns[field.name] = pa.array([row.fields.get(name) for row in rows], field.type)
        elif field.name in valued:
            columns[field.name] = _values(rows, *valued[field.name])
        else:
            columns[field.name] = pa.array([getattr(row, field.name) for row in rows], field.type)
    return pa.table(columns, schema=schema)


def _values(rows: Sequence[IndexRow], name: str, type_: FieldType) -> pa.Array:
    found = [value_of(type_, row.fields[name]) if name in row.fields else None for row in rows]
    return pa.array(found, pa.int64()).cast(VALUES["date"]) if type_ == "date" else pa.array(found, VALUES[type_])


def from_arrow(table: pa.Table | pa.RecordBatch) -> Iterator[IndexRow]:
    names = [name for name in table.schema.names if name.startswith(FIELD)]
    vectors = table.column("vector") if "vector" in table.schema.names else None
    plain = table.select([name for name in table.schema.names if name != "vector"])
    for position, record in enumerate(plain.to_pylist()):
        yield IndexRow(
            **{name: record[name] for name in (*PLAIN, "added_in", "removed_in") if name != "headings"},
            headings=tuple(record["headings"]),
            principals=tuple(record["principals"]),
            fields={name.removeprefix(FIELD): record[name] for name in names if record[name] is not None},
            vector=() if vectors is None else vectors[position].values.to_numpy(zero_copy_only=False),
        )


def scan(table: Table, condition: str, vectors: bool = False) -> Iterator[IndexRow]:
    search = table.search().select(table.schema.names if vectors else columns(table.schema))
    for batch in (search.where(condition) if condition else search).to_batches(1024):
        yield from from_arrow(batch)


def visible(release: int) -> str:
    return f"added_in <= {int(release)} AND removed_in > {int(release)}"


def quoted(value: str) -> str:
    """A string literal. In Lance's SQL only the quote itself is special; a backslash is a character like others."""
    return "'" + value.replace("'", "''") + "'"


def listed(values: Iterable[str]) -> str:
    return ", ".join(quoted(value) for value in values)
