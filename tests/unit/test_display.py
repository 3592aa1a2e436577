"""What people read: nothing of a document is obeyed, nothing that they copy is cut, and it fits 80 columns."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import display
from penstock.display import paper
from penstock.display.search import SMALL_WORDS, sought_words
from penstock.runs import RunReport

CHUNK = "4bef7d8a-b548-22c0-9e69-54a5e006813a"
HEAVY = ("rich", "pydantic", "sqlalchemy", "lancedb", "openvino", "numpy", "great_expectations", "airflow", "torch")


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def hit(**changed: Any) -> dict[str, Any]:
    return {
        "chunk_id": CHUNK,
        "score": 0.0327,
        "text": "Pay\n\nA week of river watch is paid £240.",
        "source": "handbook",
        "key": "engineering/river-watch.md",
        "title": "River watch",
        "headings": ["River watch", "Pay"],
        "page": 3,
        "revision": "b546d74bd4026b76656cd195eb75664594c1150e4b2b429d670387bc8096b55c",
        "start": 12,
        "end": 340,
    } | changed


def answer(*hits: dict[str, Any], query: str = "What is a week of river watch paid?") -> dict[str, Any]:
    return {"index": "handbook", "release": 2, "query": query, "hits": list(hits)}


def report(**changed: Any) -> RunReport:
    values: dict[str, Any] = {
        "id": 7,
        "index": "handbook",
        "kind": "sync",
        "state": "published",
        "release": 2,
        "message": "release 2 is live",
        "counts": {"listed": 1},
        "seconds": {},
        "sources": {"handbook": {"listed": 1}},
        "started_at": 100.0,
        "finished_at": 107.65,
    }
    return RunReport(**values | changed)


def test_an_answer_cites_the_exact_place(capsys: pytest.CaptureFixture[str]) -> None:
    display.found(answer(hit()))
    assert capsys.readouterr().out == (
        "What is a week of river watch paid?   handbook, release 2\n"
        "\n"
        " 1  River watch › Pay   0.033\n"
        "    A week of river watch is paid £240.\n"
        "    handbook:engineering/river-watch.md  rev b546d74bd402…  page 3  chars 12–340\n"
        f"    chunk {CHUNK}\n"
    )


@pytest.mark.parametrize(
    ("text", "title", "headings", "shown"),
    [
        ("Stores\n\nWe counted.", "Stores", [], "We counted."),
        ("Stores\n\nWe counted.", "Stores", ["Stores"], "We counted."),
        ("Stores\n\nThe\tcount\n\nWe counted.", "Stores", ["Stores", "The count"], "We counted."),
        ("Pay is good.", "River watch", ["Pay"], "Pay is good."),
        ("Pay", "River watch", ["Pay"], "Pay"),
    ],
)
def test_headings_above_a_text_are_not_said_again_in_it(
    text: str, title: str, headings: list[str], shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    display.found(answer(hit(text=text, title=title, headings=headings)))
    assert capsys.readouterr().out.splitlines()[3] == f"    {shown}"


def test_an_import_counts_what_is_one_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    counted = {"rows": 1, "taken": 1, "left_out": 0, "erased": 0, "pruned": 0, "interactions": 1, "feedback": 1}
    display.imported(
        counted | {"known_interactions": 2, "known_feedback": 0, "bad": [], "warnings": []},
    )
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "  new            1 interaction, 1 feedback",
        "  known already  2 interactions",
    ]


def test_an_answer_without_hits_says_what_to_try(capsys: pytest.CaptureFixture[str]) -> None:
    display.found(answer())
    assert "Nothing found that this reader may see. Name who is asking with" in capsys.readouterr().out
    display.found(answer() | {"setup": {"where": "year = 1"}})
    assert "Nothing found under this filter that" in " ".join(capsys.readouterr().out.split())


def test_a_document_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    display.found(
        answer(hit(text="[bold]not markup[/bold] [/] \x1b[2Jno codes\x07 \u202eno reversal :smile:", headings=[]))
    )
    out = capsys.readouterr().out
    assert "[bold]not markup[/bold] [/] [2Jno codes no reversal :smile:" in out
    assert "\x1b" not in out


def test_what_people_copy_stays_whole_at_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    key = "a-very-long-folder-name/" * 6 + "file.md"
    display.found(answer(hit(key=key)))
    display.quarantine([waiting(key)])
    display.diff(difference(key))
    lines = capsys.readouterr().out.splitlines()
    assert sum(f"handbook:{key}" in line for line in lines) == 3
    assert any(line.endswith(CHUNK) for line in lines)


def waiting(key: str) -> dict[str, Any]:
    return {
        "index": "handbook",
        "source": "handbook",
        "key": key,
        "reason": "truncated",
        "detail": "the archive's directory is missing",
        "remedy": "copy the file to the source again",
        "still_served": False,
        "since_release": 1,
        "revision": "ab" * 32,
        "run": 1,
    }


def difference(key: str) -> dict[str, Any]:
    change = {"change": "changed", "source": "handbook", "key": key, "reason": None, "chunks": [3, 4]}
    return {
        "index": "handbook",
        "from": 1,
        "to": 2,
        "documents": [change],
        "chunks": {"from": 3, "to": 4},
        "generation_changed": False,
    }


def test_a_run_report_accounts_for_everything(capsys: pytest.CaptureFixture[str]) -> None:
    counts = {
        "listed": 1236,
        "unchanged": 1233,
        "quarantined_before": 1,
        "work": 2,
        "new": 1,
        "changed": 1,
        "quarantined": 1,
        "attachments": 1,
        "removed": 1,
        "access_changed": 2,
        "fetched": 2,
        "fetched_bytes": 296_763,
        "parsed": 3,
        "texts": 11,
        "embedded": 6,
        "rows_added": 6,
        "rows_removed": 4,
    }
    display.run(report(counts=counts, seconds={"list": 0.012, "access": 0.0, "embed": 65.2}))
    assert capsys.readouterr().out == (
        "Release 2 is live\n"
        "handbook, run 7 (sync), 7.7 s\n"
        "\n"
        "  listed   1,236 documents\n"
        "           1 attachment, each counted as a document\n"
        "           1 new\n"
        "           1 changed\n"
        "           1,233 unchanged\n"
        "           1 quarantined\n"
        "           1 in quarantine already\n"
        "  access   2 documents with other readers, at once\n"
        "  removed  1 document\n"
        "  fetched  2 documents, 297 kB\n"
        "  parsed   3 documents\n"
        "  texts    11 distinct: 6 embedded, 5 from the cache\n"
        "  rows     6 added, 4 removed\n"
        "  time     list 0.01 s · embed 1 min 5 s\n"
        "\n"
        '  next  penstock search handbook "…"\n'
        "        penstock quarantine list handbook\n"
    )


@pytest.mark.parametrize(
    ("state", "command"),
    [
        ("waiting", 'penstock approve handbook 2 --why "…"'),
        ("held", 'penstock resume handbook --why "…"'),
        ("published", 'penstock search handbook "…"'),
    ],
)
def test_a_run_report_says_what_to_do_next(state: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    display.run(report(state=state))
    assert command in capsys.readouterr().out


def test_a_source_that_was_not_listed_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    display.run(report(sources={"handbook": {"listed": 1}, "wiki": {"error": "no permission"}}))
    assert "wiki was not listed, so nothing of it was removed: no permission" in capsys.readouterr().out


def test_status_tells_age_freshness_and_what_waits(capsys: pytest.CaptureFixture[str]) -> None:
    source = {
        "source": "handbook",
        "configured": True,
        "documents": {"indexed": 36, "quarantined": 1, "deferred": 0},
        "listed_at": 1.0,
        "age_s": 260_000.0,
        "max_age_s": 172_800.0,
        "stale": True,
        "error": None,
    }
    found: dict[str, Any] = {
        "index": "handbook",
        "live": 2,
        "age_s": 7200.0,
        "on_hold": False,
        "documents": 36,
        "quarantined": 1,
        "chunks": 200,
        "waiting": {"release": 3, "state": "waiting", "challenger": None, "hindrance": None},
        "sources": [source],
        "last_run": None,
        "champions": {"reranker": "0123456789abcdef"},
        "reindex_would_change": [],
    }
    display.status([found])
    assert capsys.readouterr().out == (
        "handbook  release 2 is live, published 2 hours ago\n"
        "  36 documents, 200 chunks, 1 in quarantine\n"
        "  handbook  36 indexed, 1 quarantined\n"
        "    stale: last listed 3 days ago, allowed 2 days\n"
        "  Release 3 was refused by its gates and waits for a person.\n"
        "  next  penstock report handbook 3\n"
        '        penstock approve handbook 3 --why "…"\n'
        '        penstock reject handbook 3 --why "…"\n'
        "  reranker 0123456789abcdef, tuned here\n"
    )
    challenger = found["waiting"] | {"challenger": "fedcba9876543210"}
    display.status([found | {"waiting": challenger, "champions": {}}])
    assert capsys.readouterr().out.endswith(
        "  Release 3 was built by the challenger fedcba9876543210 and waits for its\n  promotion.\n"
        '  next  penstock promote handbook fedcba9876543210 --why "…"\n'
    )
    display.status(
        [found | {"waiting": challenger | {"hindrance": "comparison 4 keeps the champion"}, "champions": {}}]
    )
    assert capsys.readouterr().out.endswith(
        "  Release 3 was built by the challenger fedcba9876543210: comparison 4 keeps the\n  champion.\n"
    )


def test_a_tree_shows_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    display.tree(
        {
            "chunk": {"id": CHUNK, "text": "one\n\ntwo", "headings": []},
            "run": 2,
            "releases": [1, 2],
            "pinned": True,
            "files": [{"name": "a"}, {"name": "b"}],
            "redacted": {},
        }
    )
    assert capsys.readouterr().out == (
        f"chunk\n  id  {CHUNK}\n  text\n    one\n    two\n  headings  none\n"
        "run       2\nreleases  1, 2\npinned    yes\nfiles\n  name  a\n  name  b\nredacted  none\n"
    )


def test_checks_come_with_their_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    display.checks(
        [
            {"name": "lake", "state": "ok", "detail": "wrote and read", "remedy": ""},
            {"name": "gates", "state": "bad", "detail": "not installed", "remedy": "install it"},
        ]
    )
    assert capsys.readouterr().out == (
        "✓ lake  wrote and read\n✗ gates  not installed\n    install it\n\n1 check failed\n"
    )


def test_empty_answers_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    display.quarantine([])
    display.decisions([])
    display.releases([])
    display.retried({"to_retry": 0})
    display.findings({"index": "handbook", "findings": []})
    assert capsys.readouterr().out.splitlines() == [
        "Nothing is in quarantine.",
        "Nobody has decided anything yet.",
        "No release yet: penstock sync INDEX makes the first.",
        "Nothing more to try again: what is in quarantine, if anything, is marked for the next sync already.",
        "handbook is whole: catalog, manifest, store and lake agree.",
    ]


def test_a_release_says_what_changed(capsys: pytest.CaptureFixture[str]) -> None:
    one = {
        "index_name": "handbook",
        "number": 1,
        "state": "published",
        "live": True,
        "created_at": 0.0,
        "published_at": 0.0,
        "documents": 36,
        "quarantined": 1,
        "chunks": 141,
        "base": None,
        "pinned": False,
        "failed_gates": [],
        "changes": {"new": 36, "attachments": 1, "rows_rewritten": 0, "removed": 0},
    }
    display.releases([one])
    assert capsys.readouterr().out.endswith("\n  1  36 new, 1 attachment (the first)\n")


def test_an_excerpt_holds_the_words_of_the_question() -> None:
    text = "Nothing of interest here. " * 20 + "A week of river watch is paid £240. " + "More of nothing. " * 20
    found = display.excerpt(text, "What is a week of river watch paid?")
    assert "A week of river watch is paid £240." in found
    assert found.startswith("… ")
    assert found.endswith(" …")


@given(st.text(max_size=2000), st.text(max_size=80), st.integers(min_value=40, max_value=400))
def test_an_excerpt_is_a_part_of_its_text(text: str, question: str, max_chars: int) -> None:
    found = display.excerpt(text, question, max_chars)
    assert len(found) <= max_chars + 4
    flat = " ".join(text.split())
    if found != flat:
        assert found.removeprefix("… ").removesuffix(" …") in flat


@given(st.text())
def test_whatever_the_question_its_pattern_is_one(question: str) -> None:
    pattern = sought_words(question)
    assert pattern is None or pattern.search("") is None
    assert "the" in SMALL_WORDS


@given(st.text())
def test_no_text_reaches_the_terminal_with_its_codes(text: str) -> None:
    assert not any(ord(char) < 32 and char not in "\n\t" for char in paper.safe(text))


def test_help_imports_nothing_heavy() -> None:
    script = f"""
import sys
from penstock.cli import app
assert not app(["--help"], prog_name="penstock", standalone_mode=False)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert "..." not in ended.stdout.split("Commands:")[1]
