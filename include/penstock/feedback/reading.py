"""Feedback as Arrow, and what counts of it: of two things that one person says of the same, the later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from penstock.catalog.schema import feedback
from penstock.interactions.recording import LIVE
from penstock.platform import Platform

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def schema() -> pa.Schema:
    """Columns of what ``read`` returns. ``counts`` is false of what the same person said otherwise later."""
    import pyarrow as pa

    text, moment = pa.string(), pa.timestamp("us", tz="UTC")
    about = [(name, text) for name in ("chunk_id", "document_id", "revision")]
    return pa.schema(
        [
            *((name, text) for name in ("id", "interaction_id", "index")),
            ("at", moment),
            *((name, text) for name in ("origin", "kind")),
            ("value", pa.float64()),
            ("text", text),
            *about,
            ("start", pa.int64()),
            ("end", pa.int64()),
            ("person", text),
            ("session", text),
            ("counts", pa.bool_()),
            ("redacted", pa.bool_()),
        ]
    )


def read(platform: Platform, index: str, since: datetime | None = None, until: datetime | None = None) -> pa.Table:
    """The feedback of an index from ``since`` to before ``until``, by time. Raises ``UnknownNameError``."""
    import pyarrow as pa

    platform.settings.index(index)
    query = select(feedback).where(feedback.c.index_name == index)
    if since is not None:
        query = query.where(feedback.c.at >= since.timestamp())
    if until is not None:
        query = query.where(feedback.c.at < until.timestamp())
    with platform.catalog.read() as connection:
        found = [row._asdict() for row in connection.execute(query.order_by(feedback.c.at, feedback.c.id))]
    counting = {row["id"] for row in that_count(found)}
    plain = [
        {
            **row,
            "index": row["index_name"],
            "at": datetime.fromtimestamp(row["at"], UTC),
            "counts": row["id"] in counting,
        }
        for row in found
    ]
    return pa.Table.from_pylist(plain, schema())


def that_count(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of which nothing later takes the place.

    One thing takes another's place where the same person says it, or without one the same session, of the same
    interaction and the same passage (or the whole), and it is of the same kind; the later time counts, of equal times
    that which came in later. An interaction given here has one reader, who needs no name; the unnamed rows of an
    imported log may be by anybody, and each counts.
    """
    latest: dict[tuple[Any, ...], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda row: (row["at"], row["recorded_at"], row["id"])):
        by = row["person"] or row["session"] or ("" if row["origin"] == LIVE else row["id"])
        passage = None if row["kind"] == "right-passage" else (row["chunk_id"], row["document_id"])
        latest[row["interaction_id"], by, row["kind"], passage] = row
    return list(latest.values())


def of_the_whole(
    ratings: Iterable[Mapping[str, Any]], shown: Sequence[Any], refused: bool | None
) -> list[Mapping[str, Any]]:
    """Of an interaction's ratings those of all that it showed; or else those of its one passage, if that was all.

    Not so of an answer (``refused`` is none only of a search): it says more, or other things, than its passage.
    """
    given = list(ratings)
    whole = [one for one in given if one["document_id"] is None]
    return whole or (given if len(shown) == 1 and refused is None else [])
