"""An index is asked questions whose answers are known; what came of it is kept, compared, drawn and forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from penstock import display, evaluation, maintenance
from penstock.catalog.schema import evaluations, releases
from penstock.erasure import erase
from penstock.errors import UnknownNameError, UsageError
from penstock.evaluation import QuestionSet, pages, running
from penstock.lake import Kind
from penstock.manifest import PRUNED
from support.traces import in_catalog, in_files
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
TEXTS = {
    "ferry.md": "# Ferry\n\nThe ferry crosses the river at dawn.\n\n## Fares\n\nA crossing costs four crowns.\n",
    "bread.md": "# Bread\n\nThe baker bakes rye bread on Fridays.\n",
    "mill.md": "# Mill\n\nThe miller grinds barley in the old mill.\n",
    "pay/bands.md": "# Bands\n\nThe surveyor earns eleven crowns.\n",
}
QUESTIONS: list[dict[str, Any]] = [
    {"id": "fare", "question": "what does a crossing cost", "keys": ["ferry.md"], "span": "costs  four crowns"},
    {"id": "rye", "question": "when is rye bread baked", "keys": ["bread"], "span": "rye bread on Mondays"},
    {"id": "barley", "question": "who grinds barley", "keys": ["mill.md"]},
    {"id": "earns", "question": "what the surveyor earns", "keys": ["pay/bands.md"], "principals": ["group:hr"]},
    {"id": "typo", "question": "who grinds barley", "keys": ["mlil.md"]},
    {"id": "sea", "question": "where is the sea", "keys": []},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def town(workspace: Workspace) -> Workspace:
    for key, text in TEXTS.items():
        workspace.write(key, text)
    workspace.allow("pay/bands.md", ["group:hr"])
    assert workspace.sync().state == "published"
    return workspace


def golden(w: Workspace, *more: dict[str, Any]) -> Path:
    path = w.root / "golden.jsonl"
    path.write_text("\n".join(map(json.dumps, [*QUESTIONS, *more])))
    return path


def ask(w: Workspace, questions: QuestionSet | None = None, **sides: Any) -> dict[str, Any]:
    ours, theirs = evaluation.sides(w.platform, "main", **sides)
    return evaluation.evaluate(
        w.platform, "main", questions or evaluation.read(golden(w)), ours, theirs
    ).to_dict()  # fmt: skip


def test_every_question_is_asked_as_its_reader_or_named(town: Workspace) -> None:
    found = ask(town)
    assert found["absent"] == {"typo": "unknown", "sea": "unanswerable"}
    assert found["questions"]["asked"] == 4
    assert {name: (one["mean"], one["n"]) for name, one in found["figures"].items()} == {
        "nDCG@10": (1.0, 4), "R@1": (1.0, 4), "R@5": (1.0, 4), "R@10": (1.0, 4), "RR@10": (1.0, 4), "Span@10": (0.5, 2),
    }  # fmt: skip


def test_what_each_question_found_is_kept(town: Workspace) -> None:
    number = ask(town)["evaluation"]
    rows = evaluation.results(town.platform, number).to_pylist()
    assert [row["question"] for row in rows] == ["fare", "rye", "barley", "earns"]
    fare = next(row for row in rows if row["question"] == "fare")
    assert (fare["text"], fare["relevant"]) == ("what does a crossing cost", fare["documents"][:1])
    assert (fare["nDCG@10"], fare["Span@10"]) == (1.0, 1.0)
    with pytest.raises(UnknownNameError, match=r"unknown evaluation '99'; there are: 1"):
        evaluation.results(town.platform, 99)


def test_two_releases_are_compared_on_the_same_questions(town: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    town.write("bread.md", "# Bread\n\nThe oven is swept.\n")
    town.write("rye.md", "# Rye\n\nAll about when rye bread is baked, and who bakes rye bread.\n")
    town.remove("mill.md")
    town.sync()
    found = ask(town, against="1")
    assert found["absent"] == {"barley": "deleted", "typo": "unknown", "sea": "unanswerable"}
    display.evaluated(found)
    assert "Against release 1 with the same settings   0 better, 1 worse, 2 alike" in capsys.readouterr().out
    against = found["against"]
    assert (against["release"], against["wins"], against["losses"], against["ties"]) == (1, 0, 1, 2)
    assert against["unpaired"] == ["barley"]
    moved = against["moved_most"][0]
    assert (moved["question"], moved["before"]) == ("rye", 1.0)
    assert (moved["ranked_before"][0], moved["ranked_after"][0]) == ("bread.md", "rye.md")
    assert against["change"]["nDCG@10"]["mean"] < 0
    kept = evaluation.history(town.platform, "main", "golden")
    assert [(one["release"], one["against"], one["state"]) for one in kept] == [
        (1, None, "published"),
        (2, 1, "published"),
    ]
    assert kept[1]["change"]["nDCG@10"] == against["change"]["nDCG@10"]


def test_two_settings_are_compared_on_one_release(town: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    ask(town)
    found = ask(town, changes="mode=vector", against="mode=text,candidates=5")
    display.evaluated(found)
    assert "Against the same release with mode=text instead of vector, candidates=5 instead of 50   " in (
        " ".join(capsys.readouterr().out.split("\n"))
    )
    display.history(evaluation.history(town.platform, "main"))
    hows = [line.split("evaluate")[1].split(" 4 ")[0].strip() for line in capsys.readouterr().out.split("\n")[2:5]]
    assert hows == ["mode=hybrid", "mode=text, candidates=5", "as the last"]
    assert (found["settings"]["mode"], found["against"]["settings"]["mode"]) == ("vector", "text")
    assert found["against"]["settings"]["candidates"] == 5
    for against in ("1", "mode=hybrid"):
        with pytest.raises(UsageError, match="that is the same release under the same settings; name another"):
            ask(town, against=against)
    with pytest.raises(UsageError, match="--against 'text' will not do; write KEY=VALUE"):
        ask(town, against="text")


def test_a_beir_folder_names_documents_without_their_suffix(town: Workspace, tmp_path: Path) -> None:
    (tmp_path / "set" / "qrels").mkdir(parents=True)
    (tmp_path / "set" / "queries.jsonl").write_text('{"_id": "1", "text": "rye bread"}\n{"_id": "2", "text": "barley"}')
    judged = tmp_path / "set" / "qrels" / "test.tsv"
    judged.write_text("query-id\tcorpus-id\tscore\n1\tbread\t1\n2\tmill.md\t1\n")
    assert ask(town, evaluation.read(tmp_path / "set"))["figures"]["R@1"]["mean"] == 1.0
    judged.write_text("1\tbread\t1\n2\tmuehle\t1\n")
    with pytest.raises(UsageError) as caught:
        ask(town, evaluation.read(tmp_path / "set"))
    assert str(caught.value) == (
        "set/test names 1 of 2 documents that no source of 'main' ever listed, neither as a key nor as one without its "
        "suffix: muehle"
    )


def test_who_asks_may_be_said_for_all_that_name_nobody(town: Workspace) -> None:
    only = {"id": "open", "question": "what the surveyor earns", "keys": ["pay/bands.md"]}
    questions = evaluation.read(golden(town, only))
    assert ask(town, questions)["figures"]["R@1"]["mean"] == 0.8
    assert ask(town, running.as_readers(questions, ("group:hr",)))["figures"]["R@1"]["mean"] == 1.0


def test_without_questions_that_can_be_asked_it_says_so(town: Workspace) -> None:
    questions = evaluation.read(golden(town))
    lost = QuestionSet("lost", tuple(one for one in questions.questions if one.id in ("typo", "sea")))
    with pytest.raises(UsageError) as caught:
        ask(town, lost)
    assert str(caught.value) == (
        "none of 2 questions of lost can be asked of 'main': unanswerable, unknown; no source of it ever listed "
        "'mlil.md': write keys as `penstock search` shows them"
    )
    nowhere = replace(lost, questions=tuple(one for one in lost.questions if one.id == "sea"))
    with pytest.raises(UsageError, match=r"'main': unanswerable; --answers says whether they are refused$"):
        ask(town, nowhere)
    with pytest.raises(
        UsageError, match=r"name a file of golden questions or a BEIR folder, or set indexes.main.gates"
    ):
        running.questions_of(town.platform, "main", None, "test")


def test_the_page_draws_figures_change_and_course(town: Workspace) -> None:
    questions = evaluation.read(golden(town))
    ask(town, questions)
    town.write("bread.md", "# Bread\n\nThe oven is swept.\n")
    town.write("rye.md", "# Rye\n\nAll about when rye bread is baked, and who bakes rye bread.\n")
    town.sync()
    ours, theirs = evaluation.sides(town.platform, "main", against="1")
    page = pages.page(town.platform, "main", evaluation.evaluate(town.platform, "main", questions, ours, theirs))
    assert page.count("<svg") == 4  # figures, spread, change, course
    assert "when is rye bread baked" in page
    assert not re.search(r"(src|href)=\"http", page)
    assert [(name, [label for label, _ in points]) for name, points, _ in pages.courses(
        evaluation.history(town.platform, "main"), town.settings.index("main").retrieval
    )] == [("golden", ["1", "2"])]  # fmt: skip
    assert pages.page(town.platform, "main", set_name="other").count("<svg") == 0


def test_a_document_that_is_erased_takes_the_questions_about_it_along(town: Workspace) -> None:
    secret = {"id": "nest", "question": "where does the quetzalcoatl nest", "keys": ["nest.md"]}
    town.write("nest.md", "# Nest\n\nThe quetzalcoatl nests below the weir.\n")
    town.sync()
    path = golden(town, secret)
    number = ask(town, evaluation.read(path))["evaluation"]
    path.unlink()
    assert "where does the quetzalcoatl nest" in texts_of(town, number).values()
    certificate = erase(town.platform, "docs", "nest.md", WHO, "the law")
    assert certificate["questions_erased"] == 1
    assert texts_of(town, number) == {
        "fare": "what does a crossing cost", "rye": "when is rye bread baked", "barley": "who grinds barley",
        "earns": "what the surveyor earns", "nest": None,
    }  # fmt: skip
    assert [*in_catalog(town, "quetzalcoatl"), *in_files(town, "quetzalcoatl")] == []
    assert not any(b"quetzalcoatl" in town.platform.lake.get(Kind.EVALUATIONS, name) for name in objects(town))
    town.remove("nest.md")
    town.sync()
    assert ask(town, evaluation.read(golden(town, secret)))["absent"]["nest"] == "deleted"


def test_what_quotes_an_erased_document_goes_and_what_is_about_it_is_not_kept_again(town: Workspace) -> None:
    quoting = {"id": "q", "question": "Why: 'the baker bakes rye bread on fridays'?", "keys": ["mill.md"]}
    about = {"id": "two", "question": "what do baker and miller make", "keys": ["bread.md", "mill.md"]}
    questions = evaluation.read(golden(town, quoting, about))
    number = ask(town, questions)["evaluation"]
    assert erase(town.platform, "docs", "bread.md", WHO, "the law")["questions_erased"] == 3
    assert (texts_of(town, number)["q"], texts_of(town, number)["two"]) == (None, None)
    again = texts_of(town, ask(town, questions)["evaluation"])
    assert (again["q"], again["two"], again["barley"]) == (None, None, "who grinds barley")
    third = texts_of(town, ask(town, questions)["evaluation"])
    assert (third["q"], third["two"], third["barley"]) == (None, None, "who grinds barley")


def test_erasing_goes_on_where_the_lake_lost_what_was_asked(town: Workspace) -> None:
    number = ask(town)["evaluation"]
    with town.platform.catalog.read() as connection:
        name = connection.execute(select(evaluations.c.questions)).scalar_one()
    town.platform.lake.put(Kind.EVALUATIONS, name, b"something else")
    assert erase(town.platform, "docs", "bread.md", WHO, "the law")["questions_erased"] == 0
    assert set(texts_of(town, number).values()) == {None}
    assert not town.platform.lake.has(Kind.EVALUATIONS, name)


def texts_of(w: Workspace, number: int) -> dict[str, str | None]:
    return {row["question"]: row["text"] for row in evaluation.results(w.platform, number).to_pylist()}


def objects(w: Workspace) -> set[str]:
    return set(w.platform.lake.names(Kind.EVALUATIONS))


def test_what_people_asked_is_not_kept_with_the_results(town: Workspace) -> None:
    questions = evaluation.read(golden(town))
    number = ask(town, QuestionSet("heard", questions.questions, private=True))["evaluation"]
    assert set(texts_of(town, number).values()) == {None}


def test_results_go_with_their_release_and_figures_stay(town: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    number = ask(town)["evaluation"]
    stray = town.platform.lake
    stray.put(Kind.EVALUATIONS, "0" * 64, b"of a process that died")
    assert maintenance.sweep(town.platform)["swept_evaluations"] == 0, "what is young may not have been named yet"
    monkeypatch.setattr(maintenance, "SWEEP_GRACE_S", 0.0)
    assert maintenance.sweep(town.platform)["swept_evaluations"] == 1
    assert len(objects(town)) == 2
    with town.platform.catalog.write() as connection:
        connection.execute(update(releases).values(state=PRUNED))
    assert maintenance.sweep(town.platform)["swept_evaluations"] == 2
    assert objects(town) == set()
    with town.platform.catalog.read() as connection:
        row = connection.execute(select(evaluations)).one()
    assert (row.id, row.results, row.figures["R@1"]["mean"]) == (number, None, 1.0)
    with pytest.raises(UsageError, match="the results of evaluation 1 went when release 1 was pruned"):
        evaluation.results(town.platform, number)
