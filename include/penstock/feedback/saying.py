"""The kinds of feedback, and what each of them must say."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from penstock.errors import UsageError
from penstock.interactions.recording import storable
from penstock.words import is_blank

MAX_TEXT_CHARS = 10_000
MAX_NAME_CHARS = 2_000
SHOWN_CHARS = 80


class Kind(StrEnum):
    """Stable names: they are stored, exported and shown."""

    RATING = "rating"
    COMMENT = "comment"
    CORRECTION = "correction"
    RIGHT_PASSAGE = "right-passage"
    COPIED = "copied"
    CITED = "cited"
    ABANDONED = "abandoned"


EVENTS = (Kind.COPIED, Kind.CITED, Kind.ABANDONED)
SPEAKING = (Kind.COMMENT, Kind.CORRECTION)


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that a person says of an interaction.

    ``value`` is that of a rating, -1 the worst and 1 the best; ``text`` that of a comment, or of the corrected answer.
    ``passage`` names one of those that were shown, and makes it what this is about; without it this is about the
    answer and all that was shown with it. For ``RIGHT_PASSAGE`` it is the chunk or the document that should have been
    shown, and ``span`` where in a document: its words, or their start and end in characters of its parsed text.
    """

    kind: Kind
    value: float | None = None
    text: str | None = None
    passage: str | None = None
    span: str | tuple[int, int] | None = None

    def checked(self) -> Said:
        """The same, its text as it can be kept. Raises ``UsageError`` where something is missing or too much."""
        if self.kind is Kind.RATING and (self.value is None or not -1 <= self.value <= 1):
            given = "without a value" if self.value is None else f"of {self.value}"
            raise UsageError(f"a rating {given} will not do: it is a number from -1, the worst, to 1, the best")
        if self.kind is not Kind.RATING and self.value is not None:
            raise UsageError(f"{str(self.kind)!r} takes no value; {self.value} belongs to a rating")
        if self.kind is not Kind.RIGHT_PASSAGE and self.span is not None:
            raise UsageError(f"{str(self.kind)!r} takes no span; a span is said of a {Kind.RIGHT_PASSAGE}")
        if self.kind in SPEAKING:
            return Said(self.kind, text=checked_text(self.kind, self.text), passage=self.passage)
        if self.text is not None:
            raise UsageError(f"{str(self.kind)!r} takes no text; say it as a comment")
        if self.kind is Kind.RIGHT_PASSAGE and not self.passage:
            raise UsageError("which passage is the right one is not said; name a chunk, or a document and its span")
        if self.kind is Kind.ABANDONED and self.passage:
            raise UsageError("what was abandoned is the whole answer, not one passage; leave the passage out")
        return self


def checked_text(what: str, text: str | None) -> str:
    """A text that says something and is no larger than anybody writes. Raises ``UsageError``."""
    if text is None or is_blank(text):
        raise UsageError(f"the {what} is blank; write some words")
    if len(text) > MAX_TEXT_CHARS:
        raise UsageError(f"the {what} has {len(text):,} characters, more than {MAX_TEXT_CHARS:,}; shorten it")
    return storable(text.strip(), MAX_TEXT_CHARS)


def on_scale(value: float, worst: float, best: float) -> float:
    """A number of a scale as -1 to 1. Raises ``UsageError`` where it is none of the scale's.

    >>> [on_scale(stars, 1, 5) for stars in (1, 3, 5)]
    [-1.0, 0.0, 1.0]
    """
    low, high = min(worst, best), max(worst, best)
    if not math.isfinite(value) or not low <= value <= high:
        raise UsageError(f"rating {value:g} is not on the scale from {worst:g} to {best:g}")
    return 2 * (value - worst) / (best - worst) - 1


def said_at_once(
    rating: float | None = None,
    comment: str | None = None,
    correction: str | None = None,
    right: str | None = None,
    span: str | None = None,
    events: Collection[Kind] = (),
    passage: str | None = None,
) -> list[Said]:
    """What a person says in one go, of one passage or of the whole. Raises ``UsageError`` where that is nothing."""
    if span is not None and right is None:
        raise UsageError("a span is that of the right passage; name the document that it stands in, too")
    said = [Said(Kind.RATING, value=rating, passage=passage)] if rating is not None else []
    said += [Said(Kind.COMMENT, text=comment, passage=passage)] if comment is not None else []
    said += [Said(Kind.CORRECTION, text=correction, passage=passage)] if correction is not None else []
    said += [Said(Kind.RIGHT_PASSAGE, passage=right, span=span)] if right is not None else []
    said += [Said(event, passage=passage) for event in events]
    if not said:
        raise UsageError("nothing is said; give a rating, a comment, a correction, the right passage, or an event")
    return said


def rated(written: str) -> float:
    """A rating as people write it at a command line: ``good``, ``bad``, or a number from -1 to 1.

    >>> [rated(one) for one in ("good", "bad", "0.5")]
    [1.0, -1.0, 0.5]
    """
    words = {"good": 1.0, "bad": -1.0}
    try:
        return words.get(written.strip().casefold()) or float(written)
    except ValueError:
        raise UsageError(f"rating {short(written)} will not do; write good, bad, or a number from -1 to 1") from None


def short(value: object) -> str:
    """A bad value as an error shows it."""
    said = repr(value)
    return said if len(said) <= SHOWN_CHARS else f"{said[:SHOWN_CHARS]}… ({len(said):,} characters)"
