"""What one row of a log says, by the mapping of the configuration. Pure: no store is asked."""

from __future__ import annotations

import json
import math
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from penstock.errors import ConfigError, UsageError, did_you_mean
from penstock.expressions import UnfitError, search
from penstock.feedback.saying import EVENTS, MAX_NAME_CHARS, Kind, Said, checked_text, on_scale, short
from penstock.interaction_settings import FeedbackSettings

WORDS = {
    **dict.fromkeys(("up", "thumbs up", "thumbs_up", "thumbsup", "👍", "yes", "true", "good", "positive", "like"), 1.0),
    **dict.fromkeys(("helpful", "1", "+1"), 1.0),
    **dict.fromkeys(("down", "thumbs down", "thumbs_down", "thumbsdown", "👎", "no", "false", "bad", "negative"), -1.0),
    **dict.fromkeys(("dislike", "unhelpful", "not helpful", "-1"), -1.0),
}
"""Ratings that everybody writes alike. A 0 is not among them: in one log it is a down, in the next it is neither."""
MILLISECONDS_FROM = 1e11
"""Seconds of the year 5138: a larger number of a log counts milliseconds."""
OLDEST = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
SPAN_COLUMNS = ("right_text", "right_start", "right_end")
AHEAD_S = 86_400
"""Clocks differ, and a date alone is a day somewhere: by so much a log may be ahead."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row says: of an interaction that Penstock knows by its id, or of a question and what was shown for it."""

    interaction: str | None
    question: str | None
    shown: tuple[str, ...]
    answer: str | None
    at: float | None
    person: str | None
    session: str | None
    said: tuple[Said, ...]


def load_mapping(path: Path) -> FeedbackSettings:
    """A mapping from a TOML file of the keys of ``[indexes.X.feedback]``. Raises ``ConfigError`` naming the key."""
    try:
        return FeedbackSettings(**tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"--mapping {path}: {error.strerror}; name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--mapping {path} is not valid TOML: {error}") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_wrong(path, dict(one)) for one in error.errors())) from None


def _wrong(path: Path, error: dict[str, Any]) -> str:
    key = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown key {key!r}{did_you_mean(key, FeedbackSettings.model_fields)}"
    return f"{path}: {f'{key}: ' if key else ''}{error['msg'].removeprefix('Value error, ')}"


def each_place(values: Mapping[str, Any], mapping: FeedbackSettings) -> Iterator[dict[str, Any]]:
    """The row itself, or where ``each`` names columns of lists, a row for each place in them. Raises ``UsageError``."""
    if not mapping.each:
        yield dict(values)
        return
    lists = {name: values.get(name) for name in mapping.each}
    for name, value in lists.items():
        if not isinstance(value, list):
            raise UsageError(f"{name} is not a list, as each says: {short(value)}")
    lengths = {name: len(value) for name, value in lists.items() if value is not None}
    if len(set(lengths.values())) > 1:
        raise UsageError(f"the lists of each differ in length: {lengths}")
    for place in range(min(lengths.values())):
        yield {**values, **{name: value[place] for name, value in lists.items() if value is not None}}


def read_entry(values: Mapping[str, Any], mapping: FeedbackSettings) -> Entry | None:
    """What a row says; ``None`` where ``where`` leaves it out. Raises ``UsageError`` naming the value that is wrong."""
    row = _Row(values, mapping)
    if mapping.where is not None and row.find("where") in (None, False, "", [], {}):
        return None
    interaction, question = row.text("interaction"), row.text("question")
    answer = row.text("answer")
    entry = Entry(
        interaction=interaction,
        question=question,
        shown=row.texts("shown"),
        answer=answer,
        at=_moment(row.find("at")),
        person=row.text("person"),
        session=row.text("session"),
        said=tuple(_said(row)),
    )
    if interaction is None and question is None:
        raise UsageError("it names neither an interaction nor a question; see interaction and question in the mapping")
    if interaction is not None and not entry.said:
        raise UsageError("it says nothing: no rating, comment, correction, right passage or event")
    if question is not None:
        checked_text("question", question)
    return entry


def finds(values: Mapping[str, Any], mapping: FeedbackSettings, name: str) -> bool:
    """Whether the expression that the mapping gives for a column finds something in a row."""
    try:
        return _Row(values, mapping).find(name) is not None
    except UsageError:
        return False


class _Row:
    """A row as the mapping reads it."""

    def __init__(self, values: Mapping[str, Any], mapping: FeedbackSettings) -> None:
        self._values, self.mapping = values, mapping

    def find(self, name: str) -> Any:
        expression = self.mapping.where if name == "where" else self.mapping.column(name)
        if expression is None:
            return None
        try:
            found = search(expression, self._values)
        except UnfitError as error:
            raise UsageError(f"{name} = {expression!r} cannot be read from it: {error}") from None
        return None if isinstance(found, float) and math.isnan(found) else found

    def text(self, name: str) -> str | None:
        """Text, or a number as text; ``None`` where there is none."""
        found = self.find(name)
        if found is None or (isinstance(found, str) and not found.strip()):
            return None
        if isinstance(found, str):
            return found.strip()
        if isinstance(found, bool) or not isinstance(found, int | float | Decimal):
            raise UsageError(f"{name} is not text: {short(found)}")
        if isinstance(found, Decimal):
            return format(found.normalize(), "f")
        return str(int(found) if isinstance(found, float) and found.is_integer() else found)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; one text is a list of one, and in CSV a JSON list is one."""
        found = self.find(name)
        if isinstance(found, str) and found.lstrip().startswith("["):
            try:
                found = json.loads(found)
            except ValueError:
                raise UsageError(f"{name} is not a JSON list: {short(found)}") from None
        if isinstance(found, list | tuple):
            if not all(isinstance(one, str) and one.strip() for one in found):
                raise UsageError(f"{name} is not a list of ids or keys: {short(found)}")
            return tuple(found)
        one = self.text(name)
        return () if one is None else (one,)

    def number(self, name: str) -> int | None:
        found = self.text(name)
        if found is None:
            return None
        if not found.removeprefix("-").isdecimal() or len(found) > 12:
            raise UsageError(f"{name} is not a whole number: {short(found)}")
        return int(found)


def _said(row: _Row) -> Iterator[Said]:
    passage = row.text("passage")
    if passage is not None and len(passage) > MAX_NAME_CHARS:
        raise UsageError(f"passage {short(passage)} is too long to name a chunk or a document")
    value = rating(row.find("rating"), row.mapping)
    if value is not None:
        yield Said(Kind.RATING, value=value, passage=passage)
    if (comment := row.text("comment")) is not None:
        yield Said(Kind.COMMENT, text=checked_text("comment", comment), passage=passage)
    if (correction := row.text("correction")) is not None:
        yield Said(Kind.CORRECTION, text=checked_text("correction", correction), passage=passage)
    if (right := row.text("right")) is not None:
        yield Said(Kind.RIGHT_PASSAGE, passage=right, span=_span(row))
    elif given := next((name for name in SPAN_COLUMNS if row.text(name) is not None), None):
        raise UsageError(f"{given} says where the right passage is, and nothing of which document; give right too")
    if (event := row.text("event")) is not None:
        known = {str(kind): kind for kind in EVENTS}
        if event.casefold() not in known:
            raise UsageError(f"event {short(event)} will not do; it is one of {', '.join(known)}")
        yield Said(known[event.casefold()], passage=passage)


def _span(row: _Row) -> str | tuple[int, int] | None:
    start, end = row.number("right_start"), row.number("right_end")
    if (text := row.text("right_text")) is not None:
        return text
    if (start is None) != (end is None):
        raise UsageError("the right passage has a start or an end and not both; give both, or its text")
    return None if start is None or end is None else (start, end)


def rating(written: Any, mapping: FeedbackSettings) -> float | None:
    """A rating as -1 to 1, ``None`` where there is none: a word of ``ratings``, a number on ``scale``, or a known word.

    Raises ``UsageError`` for anything else.
    """
    if isinstance(written, float) and written.is_integer():
        written = int(written)  # what a column with gaps makes of whole numbers
    word = json.dumps(written) if isinstance(written, bool | int) else str("" if written is None else written)
    word = " ".join(word.split()).casefold()
    if not word or word == "nan":
        return None
    if word in mapping.ratings:
        return mapping.ratings[word]
    number = _number(word)
    if mapping.scale is not None and number is not None:
        return on_scale(number, *mapping.scale)
    if word in WORDS:
        return WORDS[word]
    if number is not None:
        raise UsageError(f"rating {short(written)} will not do: write scale = [worst, best] into the mapping")
    raise UsageError(
        f"rating {short(written)} will not do{did_you_mean(word, [*mapping.ratings, 'up', 'down'])}; words of another "
        "log are given under ratings"
    )


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def _moment(written: Any) -> float | None:
    """A time as seconds since 1970; one that names no zone is UTC. Raises ``UsageError``."""
    if written is None or written == "":
        return None
    seconds = _seconds(written)
    if seconds is not None and seconds > time.time() + AHEAD_S:
        raise UsageError(f"at is in the future: {short(written)}; nobody has said anything then")
    if seconds is None or not seconds >= OLDEST:
        raise UsageError(f"at is no time: {short(written)}; write ISO 8601, such as 2026-05-01T12:00:00Z, or seconds")
    return seconds


def _seconds(written: Any) -> float | None:
    if isinstance(written, str) and (number := _number(written)) is None:
        try:
            written = datetime.fromisoformat(written.strip())
        except ValueError:
            return None
    elif isinstance(written, str):
        written = number
    if isinstance(written, date) and not isinstance(written, datetime):
        written = datetime(written.year, written.month, written.day)  # noqa: DTZ001 - which names no zone is UTC
    if isinstance(written, datetime):
        return (written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp()
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    return written / 1000 if written >= MILLISECONDS_FROM else float(written)
