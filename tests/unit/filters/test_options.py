"""Filters of a command line, which need no quotes where one field has one value."""

from __future__ import annotations

import pytest

from penstock.filters import equalities, parse, parse_where
from penstock.filters.values import FieldType

FIELDS: dict[str, FieldType] = {"key": "text", "url": "text", "team": "text", "year": "number", "day": "date"}


@pytest.mark.parametrize(
    ("options", "same_as"),
    [
        (["key=people/leave.md"], {"key": "people/leave.md"}),
        (['key=it\'s (1), "so" <a>.md'], None),
        (["key=it's.md"], {"key": "it's.md"}),
        (["key=a\\nb.md"], {"key": "a\\nb.md"}),
        (["key=report (1).md"], {"key": "report (1).md"}),
        (["key="], {"key": ""}),
        (["url=https://a/?b=c&d>e"], {"url": "https://a/?b=c&d>e"}),
        (["team = Ann Smith ", "year=2024"], {"team": "Ann Smith", "year": "2024"}),
        (["day=2024-05-01"], {"day": "2024-05-01"}),
    ],
)
def test_a_value_without_quotes_is_taken_as_it_is(options: list[str], same_as: dict[str, str] | None) -> None:
    if same_as is None:
        assert parse_where(options) == options[0]
    else:
        assert parse(parse_where(options) or "", FIELDS) == parse(equalities(same_as) or "", FIELDS)


@pytest.mark.parametrize(
    "option", ["team = 'a' or year > 3", "team='a b'", "year = 1 and team = b", "not key = 'a'", "team=text or"]
)
def test_what_says_more_is_read_in_the_language(option: str) -> None:
    assert parse_where([option]) == option
    assert parse_where([option, "key=a"]) == f"({option}) and (key = 'a')"


def test_nothing_is_no_filter() -> None:
    assert parse_where([]) is None
    assert equalities({}) is None
