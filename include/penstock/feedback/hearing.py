"""What was asked, and what counts of what was said of it, side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from penstock.batching import batched
from penstock.catalog.schema import feedback, interactions
from penstock.feedback.reading import that_count
from penstock.feedback.saying import Kind
from penstock.interactions.reading import in_time
from penstock.platform import Platform

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """Interactions, and what counts of what was said of each, by its id."""

    asked: Sequence[Row]
    said: Mapping[str, Sequence[Row]]
    overtaken: int

    def ratings(self, row: Row) -> list[float]:
        """Of an interaction as a whole: a rating of one passage is about that one alone."""
        return [one["value"] for one in self.of(row, Kind.RATING) if one["document_id"] is None]

    def of(self, row: Row, kind: Kind) -> list[Row]:
        return [one for one in self.said.get(row["id"], ()) if one["kind"] == kind]


def hear(platform: Platform, index: str, since: datetime | None) -> Heard:
    """What was asked since then, by time, without its candidates and answers; what was said of it, whenever that was.

    Raises ``UnknownNameError``.
    """
    platform.settings.index(index)
    kept = ("id", "at", "origin", "query", "query_digest", "shown", "citations", "refused", "setup")
    names = (*kept, "release", "session", "asked_with")
    columns = [interactions.c[name] for name in names]
    with platform.catalog.read() as connection:
        asked = [row._asdict() for row in connection.execute(in_time(index, since, None).with_only_columns(*columns))]
        said: list[Row] = []
        for batch in batched(row["id"] for row in asked):
            query = select(feedback).where(feedback.c.interaction_id.in_(batch))
            said += [row._asdict() for row in connection.execute(query)]
    by_interaction: dict[str, list[Row]] = defaultdict(list)
    counting = that_count(said)
    for row in counting:
        by_interaction[row["interaction_id"]].append(row)
    return Heard(asked, by_interaction, len(said) - len(counting))
