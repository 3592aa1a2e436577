"""Each problem has a name of its own, and the documentation says what to do about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from penstock import errors
from penstock.retrieval import Found, Passage
from penstock.retrieval.results import Setup
from penstock.service import limits, problems
from penstock.service.models import SearchResponse

PAGE = Path(__file__).parents[3] / "docs" / "service.md"
KINDS = [
    *problems.KINDS.values(),
    *problems.UNKNOWN.values(),
    *problems.OF_HTTP.values(),
    problems.UNEXPECTED,
    problems.NOT_READY,
    problems.INVALID,
    *(limits.TOO_LARGE, limits.TOO_SLOW, limits.TOO_OFTEN, limits.BUSY, limits.OUT_OF_TIME),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name}-{kind.status}")
def test_the_documentation_says_what_to_do(kind: problems.Kind) -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    (row,) = [row for row in rows if f"`{kind.name}`" in row.split("|")[1]]
    assert str(kind.status) in row.split("|")[2]


def test_whoever_is_asked_to_wait_is_told_how_long() -> None:
    busy = errors.TransientModelError("no time now")
    busy.retry_after_s = 16.2
    assert problems.response(busy, None).headers["retry-after"] == "17"
    assert problems.response(errors.TransientError("locked"), None).headers["retry-after"] == "5"
    assert "retry-after" not in problems.response(errors.UsageError("no"), None).headers


def test_a_name_that_is_no_unicode_is_escaped_and_a_score_that_is_no_number_is_null() -> None:
    key = b"m\xfcll.md".decode("utf-8", "surrogateescape")
    passage = Passage("d", "docs", key, "Mill", (), None, "r", 0, 4, "Mill", ())
    found = Found("main", 1, "mill", (), (passage,), (), (), Setup("text", "", ""))
    sent = SearchResponse.of(found, None, explain=False).json_bytes()
    assert b'"m\\udcfcll.md"' in sent
    assert json.loads(sent)["passages"][0]["key"] == key
