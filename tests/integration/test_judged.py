"""Evaluation on what people asked and judged: each vote counted once, and none of their words kept by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import erasure, evaluation, feedback, interactions
from penstock.errors import UsageError
from penstock.evaluation import judged, pages
from penstock.evaluation.judged import RIGHT, USEFUL, WRONG, Verdict, Vote, decide
from penstock.feedback import Kind, Said
from penstock.ids import document_id
from penstock.interactions import Asker
from penstock.retrieval import Found, search
from support.traces import in_catalog, in_files
from support.workspace import WHO, Workspace

WORD = "quetzalcoatl"
MILL, BREAD, PAY = (document_id("docs", key) for key in ("mill.md", "bread.md", "pay.md"))


@pytest.fixture
def w(workspace: Workspace) -> Workspace:
    workspace.write("mill.md", "# Mill\n\nThe miller grinds barley in the old mill.\n")
    workspace.write("bread.md", "# Bread\n\nThe baker bakes rye bread of the miller's flour on Fridays.\n")
    workspace.write("pay.md", "# Pay\n\nThe miller earns eleven crowns.\n")
    workspace.allow("pay.md", ["group:hr"])
    workspace.sync()
    return workspace


def ask(w: Workspace, text: str, who: str, **options: Any) -> tuple[Found, str]:
    found = search(w.platform, "main", text, principals=("group:hr",), **options)
    return found, interactions.record(w.platform, found, Asker(("group:hr",), who))


def say(w: Workspace, interaction: str, who: str, kind: Kind, **what: Any) -> None:
    feedback.give(w.platform, interaction, Said(kind, **what), Asker(("group:hr",), who))


def chunk(found: Found, document: str) -> str:
    return next(hit.chunk_id for hit in found.hits if hit.document_id == document)


def answers(w: Workspace, **options: Any) -> dict[str, dict[str, int]]:
    return {one.text: dict(one.answers) for one in judged.read(w.platform, "main", **options).questions}


def test_votes_are_for_documents_and_a_rating_of_the_whole_is_for_none(w: Workspace) -> None:
    found, first = ask(w, "who  grinds barley", "ada")
    say(w, first, "ada", Kind.RATING, value=1.0)
    say(w, first, "ada", Kind.COMMENT, text="well said")
    with pytest.raises(UsageError, match=r"^no question of 'main' has a document that people judged right; collect "):
        judged.read(w.platform, "main")
    say(w, first, "ada", Kind.RATING, value=1.0, passage=chunk(found, MILL))
    say(w, first, "ada", Kind.RATING, value=-1.0, passage=chunk(found, BREAD))
    _, again = ask(w, "Who grinds BARLEY", "ben")
    say(w, again, "ben", Kind.RIGHT_PASSAGE, passage="mill.md")
    read = judged.read(w.platform, "main")
    (question,) = read.questions
    assert (question.id, question.text, question.answers) == (first, "Who grinds BARLEY", {MILL: RIGHT})
    assert (read.name, read.private) == ("feedback", True)
    assert read.remarks == (
        judged.BIASED,
        "1 document judged wrong: what is not judged right counts as wrong anyway",
    )


def test_one_question_under_two_filters_is_two(w: Workspace) -> None:
    for where, document in (("key = 'mill.md'", MILL), ("key = 'bread.md'", BREAD)):
        found, asked = ask(w, "what of the miller", "ada", where=where)
        say(w, asked, "ada", Kind.RATING, value=1.0, passage=chunk(found, document))
    read = judged.read(w.platform, "main").questions
    assert {(one.filter, *one.answers) for one in read} == {("key = 'mill.md'", MILL), ("key = 'bread.md'", BREAD)}


def test_what_was_all_that_was_shown_is_what_the_whole_is_about(w: Workspace) -> None:
    _, alone = ask(w, "when is bread baked", "ada", k=1)
    say(w, alone, "ada", Kind.RATING, value=1.0)
    found, beside = ask(w, "what does a miller earn", "ada")
    say(w, beside, "ada", Kind.CITED, passage=chunk(found, PAY))
    say(w, beside, "ada", Kind.COPIED)
    assert answers(w, readers=("group:hr",)) == {
        "when is bread baked": {BREAD: USEFUL},
        "what does a miller earn": {PAY: USEFUL},
    }
    assert answers(w) == {"when is bread baked": {BREAD: USEFUL}}, "pay.md is not for everybody"
    assert "1 judged document that these readers may not see, or that were erased: left out" in (
        judged.read(w.platform, "main").remarks
    )
    with pytest.raises(UsageError, match="no question"):
        judged.read(w.platform, "main", since=datetime.now(UTC) + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("votes", "verdict"),
    [
        ([("a", 1, USEFUL), ("b", 2, WRONG)], Verdict({}, 0, 1)),
        ([("a", 1, USEFUL), ("b", 2, WRONG), ("c", 3, RIGHT)], Verdict({MILL: RIGHT}, 0, 0)),
        ([("a", 1, USEFUL), ("a", 2, WRONG)], Verdict({}, 1, 0)),
        ([("a", 2, USEFUL), ("a", 1, WRONG)], Verdict({MILL: USEFUL}, 0, 0)),
        ([("a", 1, WRONG), ("a", 1, RIGHT)], Verdict({MILL: RIGHT}, 0, 0)),
        ([("a", 1, WRONG), ("b", 1, WRONG), ("c", 1, RIGHT)], Verdict({}, 1, 0)),
        ([], Verdict({}, 0, 0)),
    ],
)
def test_a_conflict_is_decided_by_the_rule(votes: list[tuple[str, float, int]], verdict: Verdict) -> None:
    for order in (votes, votes[::-1]):
        assert decide(Vote(MILL, by, at, grade) for by, at, grade in order) == verdict


def test_nothing_that_people_asked_is_kept_or_drawn_and_erasure_leaves_no_trace(w: Workspace) -> None:
    for text, document in ((f"who grinds barley for {WORD}", MILL), ("who bakes the bread", BREAD)):
        found, id_ = ask(w, text, "ada")
        say(w, id_, "ada", Kind.RATING, value=1.0, passage=chunk(found, document))
    questions = judged.read(w.platform, "main")
    ours, theirs = evaluation.sides(w.platform, "main", changes="mode=text", against="mode=vector,candidates=1")
    done = evaluation.evaluate(w.platform, "main", questions, ours, theirs)
    found = done.to_dict()
    assert found["figures"]["R@10"]["mean"] == 1.0
    assert found["remarks"] == list(questions.remarks)
    assert {move["text"] for move in (found["against"] or {})["moved_most"]} <= {None}
    page = pages.page(w.platform, "main", done)
    assert judged.BIASED in page
    assert WORD not in page + str(found)
    assert {row["text"] for row in evaluation.results(w.platform, done.number).to_pylist()} == {None}
    interactions.erase(w.platform, WHO, "asked for", person="ada")
    erasure.erase(w.platform, "docs", "mill.md", WHO, "asked for")
    w.platform.close()
    assert in_catalog(w, WORD) == []
    assert in_files(w, WORD) == []


def test_an_erased_document_answers_nothing_any_more(w: Workspace) -> None:
    found, id_ = ask(w, "who grinds barley", "ada")
    say(w, id_, "ada", Kind.RATING, value=1.0, passage=chunk(found, MILL))
    erasure.erase(w.platform, "docs", "mill.md", WHO, "asked for")
    with pytest.raises(UsageError, match="no question"):
        judged.read(w.platform, "main")
