"""Filters of a command line, which need no quotes where one field has one value."""

from __future__ import annotations

import re

import pytest

from penstock.errors import FilterError
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
        (["key=''"], {"key": ""}),
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


@pytest.mark.parametrize(
    ("half", "refused"),
    [
        ("team = ", "filter, character 8: found the end where a text in quotes, a number or a date would do"),
        ("team=", "filter, character 6: found the end where a text in quotes, a number or a date would do"),
        ("team = )", "filter, character 8: found ')' where a text in quotes, a number or a date would do"),
        ("year =>3", "filter, character 6: => is not of this language; write >="),
        ("year=<3", "filter, character 5: =< is not of this language; write <="),
        ("team = 'a", "filter, character 8: a text begins here and does not end; put ' behind it"),
        ("(team = 'a'", "filter, character 12: found the end where ')' would do"),
        ("team = 'a')", "filter, character 11: found ')' where the end would do"),
        ("team in (", "filter, character 10: found the end where a text in quotes, a number or a date would do"),
        ("team in ()", "filter, character 10: found ')' where a text in quotes, a number or a date would do"),
        ("day >=", "filter, character 7: found the end where a text in quotes, a number or a date would do"),
        (
            "team",
            "filter, character 5: found the end where 'not', = != < <= > >=, 'in', 'exists' or 'is missing' would do",
        ),
        ("not", "filter, character 4: found the end where a field, '(' or 'not' would do"),
        ("", "filter, character 1: found the end where a field, '(' or 'not' would do"),
    ],
)
def test_half_a_filter_is_refused_where_it_ends(half: str, refused: str) -> None:
    with pytest.raises(FilterError, match=f"^{re.escape(refused)}$"):
        parse(parse_where([half]) or "", FIELDS)


def test_nothing_is_no_filter() -> None:
    assert parse_where([]) is None
    assert equalities({}) is None
