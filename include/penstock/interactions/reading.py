"""Interactions as Arrow: a table in memory, or a Parquet file of any length. Heavy: imports pyarrow, on use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

from penstock.batching import batched
from penstock.catalog.schema import interactions
from penstock.errors import UsageError
from penstock.platform import Platform

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 2_000


@cache
def schema() -> pa.Schema:
    """Columns of what ``read`` returns. Times are UTC to the microsecond, digests 32 hex digits."""
    import pyarrow as pa

    text, moment = pa.string(), pa.timestamp("us", tz="UTC")
    candidate = pa.struct([("chunk_id", text), *((name, pa.float64()) for name in ("score", "text", "vector"))])
    shown = pa.struct([("chunk_id", text), ("document_id", text)])
    span = [("start", pa.int64()), ("end", pa.int64())]
    citation = pa.struct([("chunk_id", text), ("document_id", text), ("revision", text), *span, ("quote", text)])
    names = ("mode", "settings", "embedder", "reranker", "where", "generator")
    return pa.schema(
        [
            ("id", text),
            ("index", text),
            ("release", pa.int64()),
            ("at", moment),
            ("origin", text),
            ("query", text),
            *((name, text) for name in ("query_digest", "principals", "person", "session")),
            *((name, text) for name in names),
            ("candidates", pa.list_(candidate)),
            ("shown", pa.list_(shown)),
            ("answer", text),
            ("citations", pa.list_(citation)),
            ("refused", pa.bool_()),
            ("confidence", pa.float64()),
            ("broken_off", text),
            ("timings_ms", pa.map_(text, pa.float64())),
            ("redacted", pa.bool_()),
        ]
    )


def read(platform: Platform, index: str, since: datetime | None = None, until: datetime | None = None) -> pa.Table:
    """The interactions of an index from ``since`` to before ``until``, by time. Raises ``UnknownNameError``."""
    import pyarrow as pa

    return pa.Table.from_batches(_batches(platform, index, since, until), schema())


def export(
    platform: Platform, index: str, path: Path, since: datetime | None = None, until: datetime | None = None
) -> int:
    """Write the interactions of an index into a Parquet file, and return how many; memory stays flat.

    What is erased later stays in the file: it is its owner's. Raises ``UsageError`` where it cannot be written.
    """
    from pyarrow import parquet

    count = 0
    try:
        with parquet.ParquetWriter(path, schema(), compression="zstd") as writer:
            for batch in _batches(platform, index, since, until):
                writer.write_batch(batch)
                count += batch.num_rows
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}; name a file in a folder that can"
        ) from None
    return count


def in_time(index: str, since: datetime | None, until: datetime | None) -> Select[Any]:
    query = select(interactions).where(interactions.c.index_name == index)
    if since is not None:
        query = query.where(interactions.c.at >= since.timestamp())
    if until is not None:
        query = query.where(interactions.c.at < until.timestamp())
    return query.order_by(interactions.c.at, interactions.c.id)


def _batches(
    platform: Platform, index: str, since: datetime | None, until: datetime | None
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    platform.settings.index(index)
    with platform.catalog.read() as connection:
        rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(in_time(index, since, until))
        for batch in batched(rows, ROWS_AT_ONCE):
            yield pa.RecordBatch.from_pylist([_plain(row._asdict()) for row in batch], schema())


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("chunk_id", "score", "text", "vector")
    return {
        **{name: value for name, value in row.items() if name in schema().names},
        **row["setup"],
        "index": row["index_name"],
        "at": datetime.fromtimestamp(row["at"], UTC),
        "candidates": [dict(zip(names, one, strict=True)) for one in row["candidates"]],
        "shown": [{"chunk_id": chunk, "document_id": document} for chunk, document in row["shown"]],
        "citations": [{"chunk_id": one["chunk"], "document_id": one["document"], **one} for one in row["citations"]],
        "timings_ms": list(row["timings"].items()),
    }
