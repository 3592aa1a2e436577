"""JSON that breaks off is told from JSON that is wrong, and a key that stands twice has two values."""

import pytest

from penstock.records import Reason

LINES = '{"a": "one"}\n{"a": "two"}\n'

CUT = {
    "in a string of the last line": ("a.jsonl", LINES + '{"a": "thr'),
    "in a word of the last line": ("a.ndjson", LINES + '{"a": tr'),
    "behind a key": ("a.ndjson", LINES + '{"a":'),
    "in a string": ("a.json", '{"a": ["one", "tw'),
    "in an escape": ("a.json", '{"a": "one\\u00'),
    "in a number": ("a.json", "[1, 2, -"),
    "within brackets": ("a.json", '{"a": {"b": 1}'),
}


@pytest.mark.parametrize("case", CUT)
def test_json_that_ends_early_is_truncated(parse, case):
    name, text = CUT[case]
    assert parse(name, text).reason is Reason.TRUNCATED


WRONG = [
    *(("json", text) for text in ('{"a": one}', '{"a": 1} and more', "['a']", '{"a" 1}', "words")),
    ("ndjson", '{"a": "o\n{"a": "two"}\n'),
    ("ndjson", '{\n "a": "spread over lines"\n}\n'),
]


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_json_that_is_wrong_is_not_called_truncated(parse, kind, text):
    outcome = parse(f"a.{kind}", text)
    assert (outcome.reason, outcome.detail) == (
        Reason.PARSER_ERROR,
        f"the {kind} parser failed with json.decoder.JSONDecodeError",
    )


def test_a_key_that_stands_twice_has_two_values(parse):
    text = '{"note": 1, "title": "Parts", "note": {"a": 2, "b": [], "a": [3, {}]}, "title": "More"}'
    parsed = parse("a.json", text)
    assert parsed.title == "Parts"
    assert parsed.text == "note: 1\n\ntitle: Parts\n\nnote.a: 2\nnote.a[0]: 3\n\ntitle: More"


def test_numbers_stand_as_they_were_written(parse):
    digits = "9" * 5000  # more than Python turns into a number
    assert parse("a.json", f"[1.50, -0, 1e400, {digits}, true]").text == f"1.50\n\n-0\n\n1e400\n\n{digits}\n\ntrue"
