"""Golden questions are asked of every release before anybody may see it; a drop beyond luck refuses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock import evaluation, leases, manifest, quality, release, retrieval
from penstock.erasure import erase
from penstock.errors import ConfigError, LeaseLostError, UsageError
from penstock.quality import Gate
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
SUBJECTS = "barley canal dam eel flood gauge heron ice jetty keel lock mill".split()  # noqa: SIM905 - reads better


def line(subject: str, **more: Any) -> dict[str, Any]:
    return {"id": subject, "question": f"what do we know of the {subject}", "keys": [f"{subject}s.md"], **more}


@pytest.fixture
def guarded(make_workspace: Make, tmp_path: Path) -> Workspace:
    """Twelve documents, each with a golden question; two of these must pass. Nothing is published yet."""
    path = tmp_path / "golden.jsonl"
    must = {subject: {"must_pass": True} for subject in ("dam", "mill")}
    path.write_text("\n".join(json.dumps(line(subject, **must.get(subject, {}))) for subject in SUBJECTS))
    w = make_workspace(gates={"golden": path})
    for subject in SUBJECTS:
        w.write(f"{subject}s.md", f"# The {subject}\n\nOf the {subject} we know this and that.\n")
    return w


def verdicts(w: Workspace, number: int) -> dict[str, Gate]:
    with w.platform.catalog.read() as connection:
        found = {gate.name: gate for gate in quality.verdicts(connection, "main", number)}
    return {name: found[name] for name in ("golden-questions", "must-pass") if name in found}


def test_the_first_release_is_measured_and_a_later_one_compared(guarded: Workspace) -> None:
    assert guarded.sync().state == "published"
    first = verdicts(guarded, 1)
    assert (first["golden-questions"].observed, first["must-pass"].observed) == ("nDCG@10 1.000", "0 of 2 fail")
    guarded.write("more.md", "# More\n\nThe ferryman sleeps.\n")
    assert guarded.sync().state == "published"
    second = verdicts(guarded, 2)["golden-questions"]
    assert second.observed == "nDCG@10 +0.000 [+0.000, +0.000]"
    assert second.meaning == "12 golden questions, against release 1: 0 better, 0 worse, 12 alike"
    kept = evaluation.history(guarded.platform, "main", "golden")
    assert [(one["release"], one["via"]) for one in kept] == [(1, "gate"), (2, "gate")]


def test_a_drop_beyond_luck_is_refused_and_seen_by_nobody(guarded: Workspace) -> None:
    guarded.sync()
    for subject in SUBJECTS:
        if subject not in ("dam", "mill"):
            guarded.write(f"{subject}s.md", "# Lost\n\nThis page was moved somewhere else.\n")
    report = guarded.sync()
    assert (report.state, report.release) == ("waiting", 2)
    assert "golden-questions: nDCG@10 -0." in report.message
    found = verdicts(guarded, 2)
    assert (found["golden-questions"].passed, found["must-pass"].passed) == (False, True)
    assert "worse: " in found["golden-questions"].meaning
    assert guarded.found("what do we know of the eel")[0] == "eels.md"
    with pytest.raises(UsageError, match="release 2 of 'main' is waiting; readers see only published releases"):
        evaluation.sides(guarded.platform, "main", as_of=2)
    assert release.approve(guarded.platform, "main", 2, WHO, "the pages were moved").live == 2


def test_one_question_that_must_pass_is_enough_to_refuse(guarded: Workspace) -> None:
    guarded.sync()
    guarded.write("dams.md", "# Lost\n\nThis page was moved somewhere else.\n")
    assert guarded.sync().state == "waiting"
    found = verdicts(guarded, 2)
    assert (found["golden-questions"].passed, found["must-pass"].observed) == (True, "1 of 2 fail: dam")


def test_what_is_deleted_is_named_and_not_failed(guarded: Workspace) -> None:
    guarded.sync()
    guarded.remove("dams.md")
    guarded.remove("eels.md")
    assert guarded.sync().state == "published"
    found = verdicts(guarded, 2)
    assert found["golden-questions"].meaning == (
        "10 golden questions (not asked: 2 deleted: dam, eel), against release 1: 0 better, 0 worse, 10 alike"
    )
    assert found["must-pass"].observed == "0 of 2 fail"
    assert found["must-pass"].meaning.startswith("1 asked (not asked: 1 deleted: dam); ")


@pytest.mark.parametrize("name", ["weirs.md", "weirs"])
def test_what_is_erased_is_named_and_not_failed(guarded: Workspace, name: str) -> None:
    with golden_of(guarded).open("a") as file:
        file.write("\n" + json.dumps({**line("weir", must_pass=True), "keys": [name]}))
    guarded.write("weirs.md", "# The weir\n\nOf the weir we know this and that.\n")
    guarded.sync()
    erase(guarded.platform, "docs", "weirs.md", WHO, "the law")
    guarded.write("more.md", "# More\n\nThe ferryman sleeps.\n")
    assert guarded.sync().state == "published"
    assert verdicts(guarded, 2)["must-pass"].meaning.startswith("2 asked (not asked: 1 deleted: weir); ")


def test_a_key_that_no_source_ever_listed_fails_what_must_pass(guarded: Workspace) -> None:
    with golden_of(guarded).open("a") as file:
        file.write("\n" + json.dumps(line("weir", must_pass=True)))
    assert guarded.sync().state == "waiting"
    assert verdicts(guarded, 1)["must-pass"].observed == "1 of 3 fail: weir"


def golden_of(w: Workspace) -> Path:
    path = w.settings.index("main").gates.golden
    assert path is not None
    return path


def test_a_file_that_cannot_be_read_ends_the_run_before_anything_is_published(guarded: Workspace) -> None:
    path = golden_of(guarded)
    path.write_text("{}")
    with pytest.raises(ConfigError) as caught:
        guarded.sync()
    assert str(caught.value) == (
        f"{guarded.settings.file}: indexes.main.gates.golden: {path}, line 1: 'id' is missing"
    )  # fmt: skip
    with guarded.platform.catalog.read() as connection:
        assert manifest.pointer(connection, "main") == (None, False)


def test_a_file_that_cannot_be_read_leaves_a_release_that_waits_to_its_person(guarded: Workspace) -> None:
    """The run staged all its work, put the waiting release out of reach, and only then read the file."""
    guarded.sync()
    guarded.write("dams.md", "# Nothing\n\nAll of this was lost in the fire.\n")
    assert guarded.sync().state == "waiting"
    golden_of(guarded).write_text("{")
    guarded.write("mills.md", "# The mill\n\nIt burnt down too.\n")
    with pytest.raises(ConfigError, match=r"indexes\.main\.gates\.golden: .*golden\.jsonl, line 1: this is not JSON"):
        guarded.sync()
    with guarded.platform.catalog.read() as connection:
        assert manifest.release_row(connection, "main", 2).state == "waiting"
    release.approve(guarded.platform, "main", 2, WHO, "the dam is gone")


def test_a_question_on_a_new_field_is_not_asked_of_the_release_before(guarded: Workspace) -> None:
    guarded.sync()
    with golden_of(guarded).open("a") as file:
        file.write("\n" + json.dumps({**line("mill", where="author = 'ann'"), "id": "author", "keys": ["mills.md"]}))
    guarded.write("mills.md", "# The mill\n\nOf the mill we know this and that. Ann wrote it.\n")
    guarded.write("mills.md.access.json", json.dumps({"principals": ["public"], "fields": {"author": "ann"}}))
    with pytest.raises(ConfigError) as caught:
        guarded.sync()
    assert str(caught.value).startswith(f"{golden_of(guarded)}: question 'author' cannot be asked of release 2: filter")
    guarded.change_index(fields={"author": "text"})
    report = guarded.reindex()
    assert report.state == "published", report
    found = verdicts(guarded, report.release)["golden-questions"]
    assert "against release 1 (not asked: 1 filters by no field of it: author): 0 better" in found.meaning


def test_a_changed_right_is_no_drop(guarded: Workspace) -> None:
    """Both releases are asked under today's rights: what nobody may read any more is lost in both."""
    guarded.sync()
    for subject in SUBJECTS:
        if subject not in ("dam", "mill"):
            guarded.allow(f"{subject}s.md", ["group:keepers"])
    guarded.write("more.md", "# More\n\nThe ferryman sleeps.\n")
    assert guarded.sync().state == "published"
    assert verdicts(guarded, 2)["golden-questions"].observed == "nDCG@10 +0.000 [+0.000, +0.000]"


def test_a_staged_release_is_asked_by_its_writer_alone(guarded: Workspace) -> None:
    guarded.sync()
    platform, settings = guarded.platform, guarded.settings.index("main").retrieval
    mine = leases.acquire(platform.catalog, "main", "run 9", lease_s=60)
    with pytest.raises(UsageError, match="release 1 of 'main' is published; only one that is staged is checked"):
        retrieval.search_staged(platform, mine, 1, "eel", (), {}, 5, settings)
    leases.release(platform.catalog, mine)
    with pytest.raises(LeaseLostError):
        retrieval.search_staged(platform, mine, 1, "eel", (), {}, 5, settings)
