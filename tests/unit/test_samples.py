"""The samples' log of questions is fit to be learnt from: nobody and nothing outweighs the rest, and nothing leaks."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from penstock.training.groups import jaccard, shingles

SAMPLES = Path(__file__).parents[2] / "include" / "samples"
MOST_OF_ONE_PERSON = 0.08
MOST_OF_ONE_DOCUMENT = 0.06
NEAR_GOLDEN = 0.6
ATTACHED = "!/"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SAMPLES / name).read_text(encoding="utf-8").splitlines()]


QUESTIONS = lines("questions.jsonl")


def document(row: dict[str, Any]) -> str | None:
    """The document that a row says is the right one; ``None`` where the handbook holds no answer."""
    found: str | None = row.get("right") or row.get("passage") or (row["shown"][0] if "event" in row else None)
    return found


def test_every_document_is_asked_about_and_none_too_often() -> None:
    asked = Counter(document(row) for row in QUESTIONS)
    files = {path.relative_to(SAMPLES / "handbook").as_posix() for path in (SAMPLES / "handbook").rglob("*.*")}
    documents = {key for key in files if not key.endswith(".access.json")}
    assert {key for key in asked if key and ATTACHED not in key} == documents
    assert [key for key, rows in asked.items() if key and rows > MOST_OF_ONE_DOCUMENT * len(QUESTIONS)] == []


def test_no_person_says_too_much_and_a_session_is_of_one_person_and_one_document() -> None:
    said = Counter(row["person"] for row in QUESTIONS)
    assert len(said) >= 25
    assert [person for person, rows in said.items() if rows > MOST_OF_ONE_PERSON * len(QUESTIONS)] == []
    sessions = defaultdict(set)
    for row in QUESTIONS:
        sessions[row["session"]].add((row["person"], document(row)))
    assert [session for session, of in sessions.items() if len(of) > 1] == []


@pytest.mark.parametrize("evaluation", ["golden.jsonl", "unanswerable.jsonl"])
def test_no_question_is_near_one_of_an_evaluation(evaluation: str) -> None:
    kept = {row["question"]: shingles(row["question"]) for row in lines(evaluation)}
    near = [
        (row["question"], question)
        for row in QUESTIONS
        for question, words in kept.items()
        if jaccard(shingles(row["question"]), words) >= NEAR_GOLDEN
    ]
    assert near == []


def test_what_is_said_holds_before_and_after_the_changes() -> None:
    changes = json.loads((SAMPLES / "changes" / "changes.json").read_text(encoding="utf-8"))
    edited, deleted = changes["edit"]["key"], changes["delete"]
    after = (SAMPLES / "changes" / edited).read_text(encoding="utf-8")
    gone = [row["right_text"] for row in QUESTIONS if row.get("right") == edited and row["right_text"] not in after]
    assert gone == []
    assert [row["question"] for row in QUESTIONS if row.get("right") == deleted] == []
