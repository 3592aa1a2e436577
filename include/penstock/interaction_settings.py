"""What the configuration says of what people ask and say: how long it is kept, and how an imported log is read."""

from __future__ import annotations

import math
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from penstock.expressions import Expression
from penstock.source_settings import Section

Rating = Annotated[float, Field(ge=-1.0, le=1.0)]


class InteractionSettings(Section):
    """What is kept of each question. Questions and answers are personal data: who keeps less has less to lose."""

    keep_days: float = Field(default=90.0, gt=0, description="then an interaction goes, and what was said of it")
    keep_queries: bool = Field(default=True, description="false: only a keyed digest of each question")
    keep_answers: bool = Field(default=True, description="false: neither the answer's words nor what it quoted")


COLUMNS = (
    "interaction",
    "question",
    "shown",
    "answer",
    "at",
    "person",
    "session",
    "passage",
    "rating",
    "comment",
    "correction",
    "right",
    "right_text",
    "right_start",
    "right_end",
    "event",
)


class FeedbackSettings(Section):
    """Where a row of an imported log says what: JMESPath over the row.

    Where no column is named here, they are called as the fields are. Whoever names one names all that are read, since
    another log's ``answer`` or ``passage`` may be anything. What a row does not have it does not say. ``interaction``
    is the id that Penstock gave; a row without one names ``question`` and ``shown``, and makes an interaction.
    ``passage`` is the one of those shown that the row is about; without it the row is about the whole answer.
    ``shown``, ``passage`` and ``right`` name passages by chunk id, or documents by ``KEY``, ``SOURCE:KEY`` or id;
    ``right_text`` is the right span itself, in the words of the document.
    """

    interaction: Expression | None = None
    question: Expression | None = None
    shown: Expression | None = None
    answer: Expression | None = None
    at: Expression | None = Field(default=None, description="ISO 8601, or seconds or milliseconds since 1970")
    person: Expression | None = None
    session: Expression | None = None
    passage: Expression | None = None
    rating: Expression | None = None
    comment: Expression | None = None
    correction: Expression | None = None
    right: Expression | None = None
    right_text: Expression | None = None
    right_start: Expression | None = None
    right_end: Expression | None = None
    event: Expression | None = Field(default=None, description="copied, cited or abandoned")
    where: Expression | None = Field(default=None, description="rows of which this is not true are left out")
    each: tuple[str, ...] = Field(
        default=(), description="columns that are lists of equal length: a row for each place"
    )
    scale: tuple[float, float] | None = Field(default=None, description="the worst and the best number of a rating")
    ratings: dict[str, Rating] = Field(default={}, description="words of a rating, -1 to 1; case does not count")

    @field_validator("ratings")
    @classmethod
    def _whatever_case(cls, value: dict[str, float]) -> dict[str, float]:
        return {word.strip().casefold(): one for word, one in value.items()}

    @model_validator(mode="after")
    def _a_scale_has_two_ends(self) -> Self:
        if self.scale and (self.scale[0] == self.scale[1] or not all(map(math.isfinite, self.scale))):
            raise ValueError(f"scale {list(self.scale)} has no two ends; write [worst, best], such as [1, 5]")
        return self

    def column(self, name: str) -> str | None:
        """The expression that finds one of ``COLUMNS`` in a row; ``None`` where this log has nothing of the kind."""
        named = any(getattr(self, one) is not None for one in COLUMNS)
        found: str | None = getattr(self, name) if named else name
        return found
