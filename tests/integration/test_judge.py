"""Answers are graded without a model; beside it stands the opinion of one behind a real HTTP server, which may fail."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock import display, evaluation
from penstock.errors import ConfigError, ModelError, UsageError
from penstock.evaluation import answering, golden, pages
from penstock.evaluation.judging import Judge
from penstock.settings import AnswerSettings, GeneratorSettings, JudgeSettings
from support.chat_models import answering_and_judged, claim, honest
from support.model_api import CHAT_MODEL, Fault, ModelApi
from support.workspace import Workspace

MILL = '# Mill\n\nThe "Q&A" miller grinds barley. He rests at noon.\n'
QUESTIONS = [
    {"id": "barley", "question": "who grinds barley", "keys": ["mill.md"], "span": 'The "Q&A" miller grinds barley.'},
    {"id": "eel", "question": "where does the eel swim", "keys": ["eel.md"]},
    {"id": "sea", "question": "how is a quasar spun", "keys": []},
    {"id": "gone", "question": "who was it", "keys": ["gone.md"]},
]


@pytest.fixture
def api(api: ModelApi) -> ModelApi:
    api.writes = answering_and_judged
    return api


@pytest.fixture
def w(workspace: Workspace, api: ModelApi) -> Workspace:
    workspace.write("mill.md", MILL)
    workspace.write("eel.md", "# Eel\n\nThe eel swims past the weir. It climbs the ladder.\n")
    workspace.sync()
    chat = {"model": CHAT_MODEL, "base_url": f"{api.url}/v1", "tries": 1, "timeout_s": 2}
    generator = GeneratorSettings(backend="openai", **chat)
    workspace.change_index(answer=AnswerSettings(generator=generator, min_confidence=0.0), judge=JudgeSettings(**chat))
    return workspace


def evaluated(w: Workspace, judged: bool = True, questions: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return graded(w, judged, questions).to_dict()


def graded(
    w: Workspace, judged: bool = True, questions: list[dict[str, Any]] | None = None
) -> answering.AnswersEvaluated:
    path: Path = w.root / "golden.jsonl"
    path.write_text("\n".join(map(json.dumps, questions or QUESTIONS)))
    judge = answering.open_judge(w.platform, "main") if judged else None
    ours, _ = evaluation.sides(w.platform, "main")
    return answering.evaluate_answers(w.platform, "main", golden.read(path), ours.release, judge)


def test_answers_are_graded_without_a_judge(w: Workspace, api: ModelApi) -> None:
    found = evaluated(w, judged=False)
    assert (found["judge"], found["absent"], found["questions"]["asked"]) == (None, {"gone": "unknown"}, 3)
    means = {name: (one["mean"], one["n"]) for name, one in found["figures"].items()}
    assert means["refused wrongly"] == (0.0, 2)
    assert means["refused rightly"] == (0.0, 1), "nothing is refused: no confidence is asked for"
    assert means["recall"] == (1.0, 1)
    assert means["precision"] == (0.5, 1)
    assert len(api.asked) == 3


def test_a_judges_opinion_stands_apart_and_is_marked(
    w: Workspace, api: ModelApi, capsys: pytest.CaptureFixture[str]
) -> None:
    done = graded(w)
    found = done.to_dict()
    judge = found["judge"]
    assert (judge["model"], judge["meaning"]) == (f"openai {CHAT_MODEL}", answering.OPINION)
    opinions = {one["question"]: one["opinion"] for one in found["answers"]}
    assert opinions["barley"]["relevant"]
    assert not opinions["eel"]["relevant"]
    assert judge["figures"]["relevance"]["n"] == 3
    assert "faithfulness" not in found["figures"], "an opinion is none of our own figures"
    judged = [one.body["messages"][0]["content"] for one in api.asked if "tools" in one.body]
    assert [text for text in judged if 'The "Q&A" miller grinds barley.' in text]
    assert not [text for text in judged if "&quot;" in text or "&amp;" in text]
    display.answers_evaluated(found)
    out = " ".join(capsys.readouterr().out.split())
    assert f"What openai {CHAT_MODEL} thinks of 3 answers: {answering.OPINION}" in out
    page = pages.answers_page(done)
    assert f"What openai {CHAT_MODEL} thinks of 3 of the answers" in page
    assert answering.OPINION in html.unescape(page)


def test_faithfulness_is_the_share_of_statements_that_are_borne_out(w: Workspace, api: ModelApi) -> None:
    said = claim('The "Q&A" miller grinds barley. The moon is cheese.', (1, "grinds barley"))
    api.writes = lambda body: answering_and_judged(body) if "tools" in body else said
    (answer,) = evaluated(w, questions=QUESTIONS[:1])["answers"]
    assert answer["opinion"] == {"faithfulness": 0.5, "relevant": True}


def test_a_judge_reads_what_was_claimed_and_none_of_our_marks(w: Workspace, api: ModelApi) -> None:
    api.writes = lambda body: answering_and_judged(body) if "tools" in body else claim("The mill is sold.")
    (answer,) = evaluated(w, questions=QUESTIONS[:1])["answers"]
    assert (answer["answer"], answer["opinion"]["faithfulness"]) == ("The mill is sold. [no source]", 0.0)
    judged = [one.body["messages"][0]["content"] for one in api.asked if "tools" in one.body]
    assert judged
    assert not [text for text in judged if "[no source]" in text]


Writes = Callable[[dict[str, Any]], str]


@pytest.mark.parametrize(
    ("writes", "fault", "said"),
    [
        (lambda _body: "I would rather not.", None, "gave no verdict that can be read (KeyError)"),
        (lambda _body: '{"statements": ', None, "gave no verdict that can be read (JSONDecodeError)"),
        (lambda _body: '{"statements": [], "faithfulness": []}', None, "can be read (ZeroDivisionError)"),
        (lambda _body: '{"statements": ["a"], "faithfulness": [{"verdict": 7}]}', None, "can be read (ValueError)"),
        (lambda _body: '{"statements": ["a"], "faithfulness": "so"}', None, "can be read (TypeError)"),
        (answering_and_judged, Fault(503, {"message": "busy"}), "has no time now (503: busy)"),
        (answering_and_judged, Fault(delay_s=3), "did not answer (ReadTimeout"),
        (answering_and_judged, Fault(spoil=lambda _body: b"<html>"), "gave no verdict: it answered no JSON"),
        (answering_and_judged, Fault(spoil=lambda _body: {}), "gave no verdict that can be read (KeyError)"),
    ],
)  # fmt: skip
def test_a_judge_that_fails_costs_its_opinion_and_nothing_else(
    w: Workspace, api: ModelApi, writes: Writes, fault: Fault | None, said: str
) -> None:
    api.writes = lambda body: writes(body) if "tools" in body else honest(body)
    if fault is not None:
        api.faults.extend([Fault(), fault])
    found = evaluated(w, questions=QUESTIONS[:1])
    assert found["figures"]["recall"]["mean"] == 1.0
    assert found["judge"]["figures"] == {}
    (reason,) = found["judge"]["unjudged"]
    assert said in reason
    assert (found["judge"]["judged"], found["answers"][0]["unjudged"]) == (0, reason)


def test_a_judge_that_will_never_answer_is_an_error(w: Workspace, api: ModelApi) -> None:
    api.keys_left = 1
    with pytest.raises(ModelError, match="refused the key"):
        evaluated(w)


def test_a_judge_is_named_and_has_a_key(w: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ConfigError, match="there is no key for OpenAI"):
        Judge(JudgeSettings(model="gpt"))
    w.change_index(judge=None)
    with pytest.raises(UsageError, match=r"^name a chat model as indexes.main.judge in .*; there is no judge$"):
        answering.open_judge(w.platform, "main")


def test_a_generator_that_fails_is_counted(w: Workspace, api: ModelApi) -> None:
    api.faults.append(Fault(503, {"message": "busy"}))
    found = evaluated(w, questions=QUESTIONS[:2])
    assert [count for reason, count in found["failed"].items() if "busy" in reason] == [1]
    assert found["judge"]["figures"]["relevance"]["n"] == 1


def test_one_answer_that_is_garbage_fails_one_question_and_a_wrong_key_fails_all(w: Workspace, api: ModelApi) -> None:
    api.faults.append(Fault(400, {"message": "no sense"}))
    found = evaluated(w, judged=False, questions=QUESTIONS[:2])
    assert [(id_, "no sense" in why) for id_, why in found["failed_questions"].items()] == [("barley", True)]
    assert found["questions"]["asked"] == 2
    api.key = "another"
    with pytest.raises(ModelError, match=r"^none of 2 questions was answered: .*401"):
        evaluated(w, judged=False, questions=QUESTIONS[:2])


def test_a_wrong_key_is_not_hidden_by_what_is_refused_before_a_generator_is_asked(w: Workspace, api: ModelApi) -> None:
    w.change_index(answer=w.settings.index("main").answer.model_copy(update={"min_confidence": 0.2}))
    refused = [one["question"] for one in evaluated(w, judged=False)["answers"] if one["refused"]]
    assert refused
    assert len(refused) < 3
    api.key = "another"
    asked = f"{3 - len(refused)} question" + ("s" if len(refused) == 1 else "")
    with pytest.raises(ModelError, match=rf"^none of {asked} was answered: .*401"):
        evaluated(w, judged=False)
