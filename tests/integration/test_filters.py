"""Filters from the sidecar to the answer: typed fields, values that are none, and releases of other types."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from penstock import answers, erasure, moving, reports
from penstock.errors import FilterError
from penstock.evaluation import questions
from penstock.evaluation.asking import Side, ask
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
TYPES = {"year": "number", "day": "date", "tags": "texts", "author": "text"}


@pytest.fixture
def w(make_workspace: Make) -> Workspace:
    w = make_workspace()
    w.change_index(fields=TYPES)
    said: dict[str, dict[str, object]] = {
        "old": {"year": 1989, "day": "1989-06-01", "tags": ["weir"], "author": "ann"},
        "new": {"year": "2024", "day": "2024-06-01T23:30:00-02:00", "tags": "weir, dam, zyzzyva"},
        "odd": {"year": "about 1990", "day": "soon", "author": "2024"},
        "bare": {},
    }
    for name, fields in said.items():
        w.write(f"{name}.md", f"# {name}\n\nThe weir was mended, says {name}.\n")
        w.write(f"{name}.md.access.json", json.dumps({"principals": ["public"], "fields": fields}))
    return w


def test_documents_are_found_by_the_values_of_their_metadata(w: Workspace) -> None:
    report = w.sync()
    assert report.counts["fields_unread"] == 1
    for where, keys in {
        "year >= 1989 and year < 2000": ["old.md"],
        "day = 2024-06-02": ["new.md"],
        "tags in ('dam', 'x') or author = '2024'": ["new.md", "odd.md"],
        "year != 2024": ["bare.md", "odd.md", "old.md"],
        "day is missing and year is missing": ["bare.md", "odd.md"],
    }.items():
        assert sorted(w.found("weir", where=where)) == keys, where
    answer = answers.ask(w.platform, "main", "When was the weir mended?", where="tags = 'dam'")
    assert {one.key for one in answer.passages} == {"new.md"}
    page = reports.release_report_html(w.platform, "main", 1)
    assert "odd.md" in page
    assert "about 1990" in page
    assert "old.md" not in page


def test_values_move_with_their_rows_and_leave_with_their_document(w: Workspace) -> None:
    w.sync()
    moving.move(w.platform, "main", str(w.root / "elsewhere"))
    w.change_store(str(w.root / "elsewhere"))
    assert w.found("weir", where="year < 2000 and tags = 'weir'") == ["old.md"]
    moving.drop_moved(w.platform, "main")
    files = [path for path in (w.root / "elsewhere").rglob("*") if path.is_file()]
    assert any(b"zyzzyva" in path.read_bytes() for path in files)
    erasure.erase(w.platform, "docs", "new.md", WHO, "asked for")
    assert w.found("weir", where="tags = 'dam' or year exists") == ["old.md"]
    assert not [
        path for path in (w.root / "elsewhere").rglob("*") if path.is_file() and b"zyzzyva" in path.read_bytes()
    ]


def test_golden_questions_take_a_filter(w: Workspace) -> None:
    w.sync()
    path = w.root / "golden.jsonl"
    lines = [
        {"id": "1", "question": "weir", "keys": ["old"], "where": "year < 2000"},
        {"id": "2", "question": "weir", "keys": ["new"], "where": {"author": "ann", "year": "1989"}},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    side = Side(1, w.settings.indexes["main"].retrieval)
    found = ask(w.platform, "main", side, questions.read(path).questions)
    assert found["1"] == found["2"]
    assert len(found["1"].documents) == 1


def test_a_filter_is_checked_against_the_release_that_is_asked(w: Workspace) -> None:
    w.change_index(fields={"year": "text"})
    w.sync()
    w.change_index(fields=TYPES)
    assert [one for one in w.sync().counts if one == "fields_unread"] == []
    with pytest.raises(FilterError, match=r"^filter, character 1: year is text, which has no order"):
        w.found("weir", where="year > 1")
    assert w.reindex().state == "published"
    assert w.found("weir", where="year > 2000") == ["new.md"]
    assert w.found("weir", where="year = '2024'", as_of=1) == ["new.md"]
    with pytest.raises(FilterError, match=r"character 1: unknown field 'day'; there are: key, kind, source, year$"):
        w.found("weir", where="day = 2024", as_of=1)
