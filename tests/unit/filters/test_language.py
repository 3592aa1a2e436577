"""What filters read as, and what is said of those that do not."""

from __future__ import annotations

import pytest

from penstock.errors import FilterError
from penstock.filters import And, Comparison, Condition, FieldType, Or, parse
from penstock.filters.language import MAX_CHARS, MAX_DEPTH

FIELDS: dict[str, FieldType] = {
    "key": "text", "in": "text", "author": "text", "year": "number", "published": "date", "tags": "texts"
}  # fmt: skip
NUMBERS, DATES = "write one like 2024 or -1.5", "write one like 2024-05-31 or 2024-05-31T14:30Z"
VALUES = "a text in quotes, a number or a date"
DEEP = "more than 16 parentheses or 'not' stand in one another in the filter; flatten it"
DAY_MS = 86_400_000
MAY = 1_714_521_600_000
"""The first of May 2024."""


def year(operator: str, *values: float, negated: bool = False) -> Comparison:
    return Comparison("year", "number", operator, values, negated)  # type: ignore[arg-type]


def published(operator: str, *values: int, negated: bool = False) -> Comparison:
    return Comparison("published", "date", operator, values, negated)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("year = 2024", year("in", 2024.0)),
        ("year>=-1.5e3", year(">=", -1500.0)),
        ("year = '2024'", year("in", 2024.0)),
        ("year IN (1, 2,1)", year("in", 1.0, 2.0)),
        ("year != 1", year("in", 1.0, negated=True)),
        ("not not year = 1", year("in", 1.0)),
        ("year exists", year("exists")),
        ("year Is Missing", year("exists", negated=True)),
        ("in in ('in')", Comparison("in", "text", "in", ("in",))),
        (r'author = "it\'s \"a\\b\"\n"', Comparison("author", "text", "in", ('it\'s "a\\b"\n',))),
        ("tags not in ('a', 'b')", Comparison("tags", "texts", "in", ("a", "b"), negated=True)),
        ("year = 1 and year = 2 or year = 3", Or((And((year("in", 1.0), year("in", 2.0))), year("in", 3.0)))),
        ("year = 1 and (year = 2 and (year = 3))", And((year("in", 1.0), year("in", 2.0), year("in", 3.0)))),
        ("not (year < 1 or year exists)", And((year("<", 1.0, negated=True), year("exists", negated=True)))),
        ("published < 2024-05", published("<", MAY)),
        ("published <= 2024-05-01", published("<", MAY + DAY_MS)),
        ("published > 2024-05-01", published(">=", MAY + DAY_MS)),
        ("published >= '2024-05-01 02:00+02:00'", published(">=", MAY)),
        ("published = 2024-05-01", And((published(">=", MAY), published("<", MAY + DAY_MS)))),
        ("published != 2024-04-30T23:59:60Z",
         Or((published(">=", MAY, negated=True), published("<", MAY + 1, negated=True)))),
    ],
)  # fmt: skip
def test_a_filter_reads_as_the_tree_of_what_it_says(text: str, condition: Condition) -> None:
    assert parse(text, FIELDS) == condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yaer >= 2024", "filter, character 1: unknown field 'yaer'; did you mean 'year'?"),
        ("kind = 'a'", "filter, character 1: unknown field 'kind'; did you mean 'in'?"),
        ("year >= 'abc'", f"filter, character 9: year is a number, and 'abc' is none; {NUMBERS}"),
        ("year = 'NaN'", f"filter, character 8: year is a number, and 'NaN' is none; {NUMBERS}"),
        ("year = 2024-05-01",
         f"filter, character 8: year is a number, and 2024-05-01 is none; {NUMBERS}"),
        ("year = 9007199254740993",
         f"filter, character 8: year is a number, and 9007199254740993 has more digits than one keeps; {NUMBERS}"),
        ("published > 2023-02-29", f"filter, character 13: published is a date, and 2023-02-29 is none; {DATES}"),
        ("year = 1e400", f"filter, character 8: year is a number, and 1e400 is too large; {NUMBERS}"),
        ("year <> 5", "filter, character 6: <> is not of this language; write !="),
        ("author = 5", "filter, character 10: author is text; put 5 in quotes: '5'"),
        ("tags = 5", "filter, character 8: tags is a set of texts; put 5 in quotes: '5'"),
        ("author < 'b'",
         "filter, character 1: author is text, which has no order; compare it by =, !=, in or not in"),
        ("tags >= 'b'",
         "filter, character 1: tags is a set of texts, which has no order; compare it by =, !=, in or not in"),
        (r"author = 'C:\new\q'", r"filter, character 17: \q stands for nothing in a text; write \\ for a backslash"),
        ("author = ann", f"filter, character 10: found 'ann' where {VALUES} would do; a text stands in quotes"),
        ("author = 'ann", "filter, character 10: a text begins here and does not end; put ' behind it"),
        ("year = 1 adn year = 2", "filter, character 10: found 'adn' where 'and', 'or' or the end would do"),
        ("year = 1 && year = 2", "filter, character 10: found '&' where 'and', 'or' or the end would do"),
        ("(year = 1", "filter, character 10: found the end where ')' would do"),
        ("year = 1)", "filter, character 9: found ')' where the end would do"),
        ("year in ()", f"filter, character 10: found ')' where {VALUES} would do"),
        ("year = 1 or author is not missing",
         "filter, character 20: 'is not missing' is not of this language; write FIELD exists"),
        ("author IS NOT NULL", "filter, character 8: 'IS NOT NULL' is not of this language; write FIELD exists"),
        ("author is  null", "filter, character 8: 'is null' is not of this language; write FIELD is missing"),
        ("author not exists", "filter, character 8: 'not exists' is not of this language; write FIELD is missing"),
        ("year == 1", "filter, character 6: == is not of this language; write ="),
        ("year",
         "filter, character 5: found the end where 'not', = != < <= > >=, 'in', 'exists' or 'is missing' would do"),
        (" ", "filter, character 2: found the end where a field, '(' or 'not' would do"),
        ("x" * (MAX_CHARS + 1), "the filter has 8,193 characters; 8,192 are the most"),
        ("(" * 4000 + "year = 1" + ")" * 4000, DEEP),
        ("not " * 2000 + "year = 1", DEEP),
        ("author = '\ud800'", "the filter holds half of a character (a lone surrogate); write the whole one"),
    ],
)  # fmt: skip
def test_what_does_not_read_is_told_with_its_place_and_what_would_do(text: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text, FIELDS)
    assert str(caught.value) == message


def test_ten_thousand_parentheses_are_too_many_and_sixteen_are_not() -> None:
    with pytest.raises(FilterError, match=r"^the filter has 20,008 characters; 8,192 are the most$"):
        parse("(" * 10_000 + "year = 1" + ")" * 10_000, FIELDS)
    assert parse("(" * MAX_DEPTH + "year = 1" + ")" * MAX_DEPTH, FIELDS) == year("in", 1.0)
