"""What filters mean, told a second time and in another way: random ones, as text and as a predicate on documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from penstock.filters.options import quoted
from penstock.filters.values import FieldType

TYPES: dict[str, FieldType] = {"author": "text", "cost-centre": "number", "day": "date", "tags": "texts"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Document = Mapping[str, str]


class Asked(NamedTuple):
    text: str
    holds: Callable[[Document], bool]


TEXTS = (
    "",
    " ",
    "a",
    "A",
    "a b",
    "á",
    "O'Brien",
    "' OR 1=1 --",
    "') OR ('1'='1",
    "a\\",
    "%",
    "_",
    "*",
    '"',
    '""',
    "`",
    "\\'",
)
NUMBERS = ("0", "-0.0", "2024", "2024.0", "-1.5", "1e300", "-1e300", "5e-324", "9007199254740992", "0.1")
NO_NUMBERS = ("abc", "NaN", "Infinity", "9007199254740993", "1e400", "", "1,5")
DAYS = ("0001-01-01", "1677-01-01", "1969-12-31", "2016-12-31", "2017-01-01", "2024-02-29", "9999-12-31")
TIMES = (
    "2016-12-31T23:59:59.999Z",
    "2016-12-31T23:59:60Z",
    "2024-02-29T01:00+02:00",
    "2024-02-28T23:00",
    "9999-12-31T23:59:59.999999Z",
)
NO_DATES = ("soon", "2023-02-29", "0000-01-01", "2024-01-01T25:00")


def documents() -> st.SearchStrategy[list[Document]]:
    tags = st.lists(st.sampled_from(TEXTS[2:]), max_size=3).map(json.dumps) | st.sampled_from(("", "a, b", "[1]"))
    one = st.fixed_dictionaries(
        {},
        optional={
            "author": st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["C"]), max_size=5),
            "cost-centre": st.sampled_from(NUMBERS + NO_NUMBERS)
            | st.floats(allow_nan=False, allow_infinity=False).map(repr),
            "day": st.sampled_from(DAYS + TIMES + NO_DATES) | st.datetimes().map(datetime.isoformat),
            "tags": tags,
        },
    )
    return st.lists(one, min_size=1, max_size=8)


def filters() -> st.SearchStrategy[Asked]:
    leaves = _texts() | _numbers() | _dates() | _tags() | _present()
    return st.recursive(leaves, lambda inner: _joined(inner) | inner.map(_opposite), max_leaves=6)


def _joined(inner: st.SearchStrategy[Asked]) -> st.SearchStrategy[Asked]:
    def join(word: str, parts: list[Asked]) -> Asked:
        quantor = all if word == "AND" else any
        return Asked(
            f" {word} ".join(f"({one.text})" for one in parts), lambda doc: quantor(p.holds(doc) for p in parts)
        )

    return st.builds(join, st.sampled_from(("AND", "or")), st.lists(inner, min_size=2, max_size=3))


def _opposite(one: Asked) -> Asked:
    return Asked(f"not ({one.text})", lambda doc: not one.holds(doc))


def _texts() -> st.SearchStrategy[Asked]:
    def equal(value: str) -> Asked:
        return Asked(f"author = {quoted(value)}", lambda doc: doc.get("author") == value)

    def unequal(values: list[str]) -> Asked:
        listed = ", ".join(map(quoted, values))
        return Asked(f"author NOT IN ({listed})", lambda doc: doc.get("author") not in values)

    return st.sampled_from(TEXTS).map(equal) | st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3).map(unequal)


def _numbers() -> st.SearchStrategy[Asked]:
    def compare(operator: str, value: str) -> Asked:
        wanted = float(value)
        return Asked(
            f"cost-centre {operator} {value}",
            lambda doc: (found := real_number(doc)) is not None and ordered(operator, found, wanted, wanted),
        )

    return st.builds(compare, st.sampled_from(("=", "<", "<=", ">", ">=")), st.sampled_from(NUMBERS))


def _dates() -> st.SearchStrategy[Asked]:
    def compare(operator: str, value: str) -> Asked:
        first, last = span(value)
        return Asked(
            f"day {operator} {value}",
            lambda doc: (found := real_date(doc)) is not None and ordered(operator, found, first, last),
        )

    return st.builds(compare, st.sampled_from(("=", "<", "<=", ">", ">=")), st.sampled_from(DAYS + TIMES))


def _tags() -> st.SearchStrategy[Asked]:
    def hold(values: list[str]) -> Asked:
        listed = ", ".join(map(quoted, values))
        return Asked(f"tags in ({listed})", lambda doc: bool(real_tags(doc) & set(values)))

    return st.lists(st.sampled_from((*TEXTS[2:], "b")), min_size=1, max_size=3).map(hold)


def _present() -> st.SearchStrategy[Asked]:
    found: dict[str, Callable[[Document], bool]] = {
        "author": lambda doc: "author" in doc,
        "cost-centre": lambda doc: real_number(doc) is not None,
        "day": lambda doc: real_date(doc) is not None,
        "tags": lambda doc: bool(real_tags(doc)),
    }
    there = st.sampled_from(sorted(found)).map(lambda name: Asked(f"{name} exists", found[name]))
    gone = st.sampled_from(sorted(found)).map(
        lambda name: Asked(f"{name} is missing", lambda doc: not found[name](doc))
    )
    return there | gone


def ordered(operator: str, found: float, first: float, last: float) -> bool:
    """``found`` against a value that reaches from ``first`` to ``last``."""
    return {
        "=": first <= found <= last, "<": found < first, "<=": found <= last, ">": found > last, ">=": found >= first
    }[operator]  # fmt: skip


def real_number(doc: Document) -> float | None:
    text = doc.get("cost-centre", "abc")
    return None if text in NO_NUMBERS else float(text)


def real_date(doc: Document) -> int | None:
    text = doc.get("day", "soon")
    return None if text in NO_DATES else span(text)[0]


def span(text: str) -> tuple[int, int]:
    """The first and the last millisecond, by Python's own dates."""
    leap = ":60" in text
    at = datetime.fromisoformat(text.replace(":60", ":59"))
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH
    first = (since + timedelta(seconds=leap)) // timedelta(milliseconds=1)
    return first, first + (86_400_000 - 1 if len(text) == 10 else 0)


def real_tags(doc: Document) -> set[str]:
    text = doc.get("tags", "")
    if text == "a, b":
        return {"a", "b"}
    return set() if text in ("", "[1]") else set(json.loads(text))
