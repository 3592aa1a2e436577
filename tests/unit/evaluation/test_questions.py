"""Question sets: what each kind of file says, and what is said of a bad line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import UnknownNameError, UsageError
from penstock.evaluation import Question, read

SAMPLES = Path(__file__).parents[3] / "include" / "samples"


def golden(folder: Path, *lines: str | dict[str, Any]) -> Path:
    path = folder / "golden.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


def beir(folder: Path, queries: list[dict[str, str]], judged: str) -> Path:
    (folder / "qrels").mkdir()
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (folder / "qrels" / "test.tsv").write_text(judged)
    return folder


def test_the_samples_are_golden_questions() -> None:
    found = read(SAMPLES / "golden.jsonl")
    assert (found.name, found.strict, found.private) == ("golden", False, False)
    assert len(found.questions) >= 40
    assert all((SAMPLES / "handbook" / key).exists() for one in found.questions for key in one.answers)


def test_the_samples_hold_questions_that_nothing_answers() -> None:
    found = read(SAMPLES / "unanswerable.jsonl")
    assert len(found.questions) >= 10
    assert {len(one.answers) for one in found.questions} == {0}


def test_a_golden_question_says_who_asks_and_under_which_conditions(tmp_path: Path) -> None:
    line = {
        "id": "pay",
        "question": "What is paid?",
        "keys": ["pay.md", "old.md"],
        "answer": "a crown",
        "span": "a crown",
    }
    more = {"must_pass": True, "principals": ["group:hr"], "where": {"team": "hr"}}
    found = read(golden(tmp_path, line | more, "", {"id": "sea", "question": "Where is the sea?", "keys": []}))
    assert found.questions == (
        Question("pay", "What is paid?", {"pay.md": 1, "old.md": 1}, "a crown", True, ("group:hr",), {"team": "hr"}),
        Question("sea", "Where is the sea?", {}),
    )


def test_the_digest_follows_what_is_asked_and_what_answers(tmp_path: Path) -> None:
    line = {"id": "a", "question": "b?", "keys": ["c"]}
    first = read(golden(tmp_path, line)).digest
    assert read(golden(tmp_path, json.dumps(line, indent=None, separators=(",", ":")))).digest == first
    assert read(golden(tmp_path, line | {"keys": ["d"]})).digest != first


GOOD = '{"id": "a", "question": "b?", "keys": ["c.md"]}'


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("{", "this is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "a question is a JSON object with id, question and keys, not []"),
        ('{"id": "b", "keys": []}', "'question' is missing"),
        (
            '{"id": "b", "question": "who?"}',
            "'keys' is missing; name the documents that answer it, or write [] where none does",
        ),
        ('{"id": "b", "question": " ", "keys": []}', "the question is blank; write what people would ask"),
        (
            '{"id": "b", "question": "who?", "keys": ["a"], "principals": ["nobody"]}',
            "'nobody' is not a reader: it marks what no one may see; leave it out",
        ),
        ('{"id": "b", "question": "\\u200b", "keys": []}', "the question is blank; write what people would ask"),
        ('{"id": "b", "question": "?", "keys": [], "spam": "x"}', "unknown key 'spam'; did you mean 'span'?"),
        ('{"id": "b", "question": "?", "keys": "x"}', "keys: 'x' will not do: Input should be a valid list"),
        pytest.param("[" * 100_000, "this is nested too deeply; write one flat JSON object", id="nested"),
        (
            '{"id": "b", "question": "who is \\ud800?", "keys": []}',
            "it holds half of a character (a lone surrogate); write the whole one",
        ),
        (
            '{"id": "b\\u0000c", "question": "?", "keys": []}',
            r"id 'b\x00c' holds U+0000, where measures take a name to end; leave it out",
        ),
        (
            '{"id": "b", "question": "?", "keys": [], "must_pass": true}',
            "must_pass needs keys: name the documents that answer it",
        ),
        (
            '{"id": "x.md1", "question": "?", "keys": ["x.md"]}',
            "id 'x.md1' holds the name of document 'x.md', and ids are kept when a document is erased; choose another",
        ),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, bad: str, said: str) -> None:
    path = golden(tmp_path, GOOD, bad)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value) == f"{path}, line 2: {said}"


def test_an_id_stands_once(tmp_path: Path) -> None:
    path = golden(tmp_path, GOOD, "", GOOD)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value) == f"{path}, line 3: id 'a' stands in {path}, line 1 too; give each question its own"


def test_no_file_and_no_question(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file; name golden questions"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="holds no question; write one a line"):
        read(golden(tmp_path, ""))


def test_a_beir_split_is_what_it_judges(tmp_path: Path) -> None:
    queries = [{"_id": "1", "text": "one?"}, {"_id": "2", "text": "two?"}, {"_id": "3", "text": "three?"}]
    judged = "query-id\tcorpus-id\tscore\n2\td1\t1\n2\td2\t2\n1\td9\t0\n3\td1\t1\n"
    found = read(beir(tmp_path, queries, judged), "test")
    assert (found.name, found.strict) == (f"{tmp_path.name}/test", True)
    assert found.questions == (Question("2", "two?", {"d1": 1, "d2": 2}), Question("3", "three?", {"d1": 1}))


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_text('{"id": "a", "question": "b?", "keys": []}', encoding="utf-8-sig")
    assert read(path).questions[0].id == "a"


def test_what_is_wrong_with_a_beir_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no BEIR folder; it holds no qrels/test.tsv beside a queries.jsonl"):
        read(tmp_path)
    folder = beir(tmp_path, [{"_id": "1", "text": "one?"}], "1\td1\tyes\n")
    with pytest.raises(UnknownNameError, match=r"unknown split of .*: 'dev'; there are: test"):
        read(folder, "dev")
    with pytest.raises(UsageError, match=r"test.tsv, line 1: '1\\td1\\tyes' will not do; write query-id, corpus-id"):
        read(folder)
    (folder / "qrels" / "test.tsv").write_text("7\td1\t1\n")
    with pytest.raises(UsageError, match=r"test.tsv judges 1 question that queries.jsonl does not hold: 7"):
        read(folder)
    (folder / "queries.jsonl").write_text('{"_id": "7"}')
    with pytest.raises(UsageError, match=r"queries.jsonl, line 1: a question is a JSON object with _id and text"):
        read(folder)


@pytest.mark.parametrize("score", ["\u00b2", "--1", "1.5", "100000000", ""])
def test_a_score_that_no_measure_can_count_is_refused(tmp_path: Path, score: str) -> None:
    folder = beir(tmp_path, [{"_id": "1", "text": "one?"}], f"1\td1\t{score}\n")
    path = folder / "qrels" / "test.tsv"
    with pytest.raises(UsageError) as caught:
        read(folder)
    asked = "write query-id, corpus-id and a whole score up to 9999, by tabs"
    line = f"1\td1\t{score}"
    assert str(caught.value) == f"{path}, line 1: {line!r} will not do; {asked}"


def test_a_query_with_half_of_a_character_is_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path, [{"_id": "1", "text": "one \ud800?"}], "1\td1\t1\n")
    with pytest.raises(UsageError, match=r"queries.jsonl, line 1: it holds half of a character \(a lone surrogate\);"):
        read(folder)
