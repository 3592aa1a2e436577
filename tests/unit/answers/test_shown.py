"""What people see of an answer: claims with the numbers of their quotes, exact places, and what was left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from penstock import display
from penstock.answers import Answer, Claim, Quote
from penstock.retrieval import Passage
from penstock.retrieval.trace import Stage

TEXT = "A week of river watch is paid £240."
PLACE: dict[str, Any] = {
    "document_id": "d1",
    "source": "handbook",
    "key": "engineering/river-watch.md",
    "title": "River watch",
    "headings": ("River watch", "Pay"),
    "page": 3,
    "revision": "b546d74bd4026b76656cd195eb75664594c1150e4b2b429d670387bc8096b55c",
    "start": 305,
    "end": 340,
    "text": TEXT,
}
CITED = "    handbook:engineering/river-watch.md  rev b546d74bd402…  page 3  chars 305–340\n"
HEAD = "What is it paid?   handbook, release 2\n\n"


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def answer(**changed: Any) -> Answer:
    values: dict[str, Any] = {
        "index": "handbook",
        "release": 2,
        "question": "What is it paid?",
        "claims": (Claim("It is paid £240.", (1,), False),),
        "quotes": (Quote(number=1, passage=0, **PLACE),),
        "passages": (Passage(chunks=("c1",), **PLACE),),
        "generator": "extractive",
        "refused": None,
        "confidence": 0.81,
        "needed": 0.4,
        "dropped": {},
        "broken_off": None,
        "where": None,
        "stages": (Stage("embed", 9.0), Stage("confidence", 1.25, note="0.81, 0.4 is needed")),
    }
    return Answer(**values | changed)


def shown(one: Answer, capsys: pytest.CaptureFixture[str]) -> str:
    display.answered(one.to_dict())
    return capsys.readouterr().out


def test_an_answer_comes_with_its_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(answer(), capsys) == (
        f"{HEAD}  It is paid £240. [1]\n\n 1  River watch › Pay\n    “A week of river watch is paid £240.”\n{CITED}"
    )


def test_what_no_source_holds_and_what_was_left_out_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    one = answer(
        claims=(Claim("It is gold.", (), True),), quotes=(), dropped={"no such passage": 1, "not in the passage": 2}
    )
    assert shown(one, capsys) == (
        f"{HEAD}  It is gold. [no source]\n\n  3 quotes left out: 1 no such passage, 2 not in the passage\n"
    )


def test_a_sentence_beside_the_claims_is_counted_as_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    one = answer(dropped={"not in the passage": 1, "outside of the claims": 2})
    assert shown(one, capsys).endswith(
        "\n  3 quotes and sentences left out: 1 not in the passage, 2 outside of the claims\n"
    )


def test_a_refusal_shows_what_is_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    one = answer(claims=(), quotes=(), refused="what was found is not likely to hold the answer", confidence=0.123)
    assert shown(one, capsys) == (
        f"{HEAD}  Not in the index, as far as one can tell: what was found is not likely to hold\n"
        "  the answer (confidence 0.12, 0.4 is needed).\n"
        f"\nnear  River watch › Pay\n      {TEXT}\n{CITED}"
    )
    below_its_headings = replace(
        one, passages=(Passage(chunks=("c1",), **PLACE | {"text": f"River watch\n\nPay\n\n{TEXT}"}),)
    )
    assert shown(below_its_headings, capsys) == shown(one, capsys)
    nothing = answer(claims=(), quotes=(), passages=(), refused="nothing was found that this reader may see")
    assert "\n  Name who is asking with --principal, or ask otherwise.\n" in shown(nothing, capsys)
    filtered = replace(nothing, where="kind = 'table'")
    assert "\n  Name who is asking with --principal, widen --where, or ask otherwise.\n" in shown(filtered, capsys)


def test_an_answer_that_broke_off_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(answer(broken_off="OpenAI broke off; try again"), capsys)
    assert "[1]" in out
    assert out.endswith("\n  The answer broke off: OpenAI broke off; try again\n")


def test_explained_it_says_what_each_stage_took(capsys: pytest.CaptureFixture[str]) -> None:
    display.answer_explained(answer().to_dict())
    assert capsys.readouterr().out.endswith("\n\n  embed       9.0 ms\n  confidence  1.2 ms  0.81, 0.4 is needed\n")


def test_an_answer_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in shown(answer(claims=(Claim("[bold]\x1b[2J red", (1,), False),)), capsys)


def test_json_says_whether_it_was_refused_and_why() -> None:
    refused = answer(refused="why not").to_dict()
    assert (refused["refused"], refused["reason"]) == (True, "why not")
    answered = answer().to_dict()
    assert (answered["refused"], answered["reason"], answered["text"]) == (False, None, "It is paid £240.")
