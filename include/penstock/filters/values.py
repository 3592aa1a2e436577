"""How a text is read as a value of its field's type: of a document's metadata and of a filter alike.

======  ======================================================================================================
text    as it stands
number  a decimal number, kept as a double; a whole number that a double would round is none
date    ISO 8601, from a year to the millisecond; without a zone it is UTC, and what is finer is cut off
texts   a set: the strings of a JSON array, or else what stands between commas
======  ======================================================================================================
"""

from __future__ import annotations

import json
import math
import re
from calendar import isleap, monthrange
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Literal, get_args

FieldType = Literal["text", "number", "date", "texts"]
FIELD_TYPES: tuple[FieldType, ...] = get_args(FieldType)
BUILT_IN: dict[str, FieldType] = {"source": "text", "key": "text", "kind": "text"}
"""What every search may filter on, besides the fields that an index declares."""
Value = str | float | int
"""A text, a number as float, or a date as whole milliseconds from the beginning of 1970, UTC."""

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
MAX_DIGITS = 400
MOMENT = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})(?:[Tt ]"
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r"(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?)?)?"
)
UNKEPT = re.compile("[\0\ud800-\udfff]")
DAY_S = 86_400
EPOCH = date(1970, 1, 1).toordinal()


def number(text: str) -> float | None:
    """``None`` where it is none, is not finite, or is a whole number that no double holds.

    >>> number("2024"), number("-1.5e3"), number("9007199254740993"), number("NaN")
    (2024.0, -1500.0, None, None)
    """
    text = text.strip()
    if len(text) > MAX_DIGITS or not NUMBER.fullmatch(text):
        return None
    value = float(text)
    if not math.isfinite(value) or (text.lstrip("+-").isdigit() and int(text) != value):
        return None
    return value + 0.0  # of the two zeros the positive one: stores tell them apart


def moments(text: str) -> tuple[int, int] | None:
    """The first moment of a year, month, day or time, and the first after it; ``None`` where the text is none.

    A time is one millisecond long, whatever its precision. A leap second is the first of the next day, as in POSIX.

    >>> moments("1970-01"), moments("1970-01-01T01:00+01:00"), moments("1970-02-30")
    ((0, 2678400000), (0, 1), None)
    """
    found = MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day = (int(found[name] or 1) for name in ("year", "month", "day"))
    try:
        start_s = (date(year, month, day).toordinal() - EPOCH) * DAY_S
    except ValueError:
        return None
    if found["hour"] is None:
        days = 1 if found["day"] else monthrange(year, month)[1] if found["month"] else 365 + isleap(year)
        return start_s * 1000, (start_s + days * DAY_S) * 1000
    second = _second(found)
    if second is None:
        return None
    at = (start_s + second) * 1000 + int((found["fraction"] or "").ljust(3, "0")[:3])
    return at, at + 1


def _second(found: re.Match[str]) -> int | None:
    """Seconds from midnight UTC of the day that is written; ``None`` where the clock or the zone knows no such time."""
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    zone = found["zone"] or "Z"
    sign, digits = (-1 if zone[0] == "-" else 1), re.sub(r"[^0-9]", "", zone).ljust(4, "0")
    ahead = sign * (int(digits[:2]) * 3600 + int(digits[2:]) * 60)
    if hour > 23 or minute > 59 or second > 60 or int(digits[:2]) > 23 or int(digits[2:]) > 59:
        return None
    at = hour * 3600 + minute * 60 + second - ahead
    return None if second == 60 and at % DAY_S else at


def texts(text: str) -> tuple[str, ...] | None:
    """Each once; ``None`` where there is none, or the array holds what is no string, or none that a store keeps.

    >>> texts("a, b,,a"), texts('["a, b"]'), texts("[1]"), texts(" , ")
    (('a', 'b'), ('a, b',), None, None)
    """
    found: object = None
    if text.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            found = json.loads(text)
    if not isinstance(found, list):
        found = [part.strip() for part in text.split(",")]
    if not all(isinstance(one, str) and UNKEPT.search(one) is None for one in found):
        return None
    return tuple(dict.fromkeys(one for one in found if one)) or None


def value_of(type_: FieldType, text: str) -> Value | tuple[str, ...] | None:
    """What a store keeps of a document's metadata; ``None`` where it does not read as the type."""
    match type_:
        case "number":
            return number(text)
        case "date":
            found = moments(text)
            return found and found[0]
        case "texts":
            return texts(text)
        case _:
            return text


def unreadable(fields: Mapping[str, str], types: Mapping[str, FieldType]) -> dict[str, FieldType]:
    """The fields of a document whose text is not of their type: filters take it for missing.

    One that is blank, or an empty list, is missing and says so itself.

    >>> types = {"year": "number", "published": "date", "tags": "texts"}
    >>> unreadable({"year": "abc", "author": "abc", "published": "", "tags": "[]"}, types)
    {'year': 'number'}
    """
    return {
        name: types[name]
        for name, text in fields.items()
        if name in types and text.strip(" ,") not in ("", "[]") and value_of(types[name], text) is None
    }


def typed(fields: object) -> object:
    """Fields as they are declared: a list of names, which are text, or a table that says the type of each.

    >>> typed(["author"]), typed({"year": "number"})
    ({'author': 'text'}, {'year': 'number'})
    """
    listed = isinstance(fields, list | tuple) and all(isinstance(one, str) for one in fields)
    return dict.fromkeys(fields, "text") if listed else fields  # type: ignore[call-overload]
