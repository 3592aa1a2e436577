"""Chat models behind the real clients, against a server on loopback that also misbehaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event
from typing import Any

import pytest

from penstock.answers.base import Draft, DraftQuote
from penstock.answers.cohere import CohereChat
from penstock.answers.openai import MAX_ANSWER_CHARS, OpenAiChat
from penstock.errors import ConfigError, ModelError, TransientModelError
from penstock.retrieval import Passage
from penstock.settings import GeneratorSettings
from penstock.sources import connection_from_environment
from support.chat_models import claim, passages
from support.model_api import CHAT_MODEL, KEY, EventStream, Fault, ModelApi, completion

QUESTION = "What is a week of river watch paid?"
TEXT = "A week of river watch is paid £240. A weekend alone is paid £90. Nobody does two weeks in a row."
PASSAGES = [
    Passage("d1", "docs", "river.md", "River watch", ("Pay",), None, "r1", 0, len(TEXT), TEXT, ("c1",)),
    Passage("d2", "docs", "eel.md", "Eels", (), None, "r2", 10, 30, "Eels like the weir.", ("c2",)),
]


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def openai(api: ModelApi, waited: list[float]) -> Callable[..., OpenAiChat]:
    def make(**options: Any) -> OpenAiChat:
        chosen = {"backend": "openai", "model": CHAT_MODEL, "base_url": f"{api.url}/v1", **options}
        return OpenAiChat(GeneratorSettings(**chosen), connection_from_environment, sleep=waited.append)

    return make


@pytest.fixture
def cohere(api: ModelApi, waited: list[float]) -> CohereChat:
    settings = GeneratorSettings(backend="cohere", model=CHAT_MODEL, base_url=api.url, temperature=0.0)
    return CohereChat(settings, connection_from_environment, sleep=waited.append)


def test_claims_are_read_out_of_the_stream(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    drafts = list(openai(temperature=0.0, max_tokens=300).claims(QUESTION, PASSAGES))
    assert drafts == [
        Draft(f"It says: {one}", (DraftQuote(1, one),))
        for one in ("A week of river watch is paid £240.", "A weekend alone is paid £90.")
    ]
    sent = api.asked[0].body
    assert {name: value for name, value in sent.items() if name != "messages"} == {
        "model": CHAT_MODEL,
        "stream": True,
        "temperature": 0.0,
        "max_tokens": 300,
    }
    assert passages(sent) == {1: f"River watch › Pay\n\n{TEXT}", 2: "Eels\n\nEels like the weir."}


def test_what_is_left_out_of_the_settings_is_not_sent(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    list(openai().claims(QUESTION, PASSAGES))
    assert set(api.asked[0].body) == {"model", "stream", "messages"}


def test_each_request_fences_the_passages_anew(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    chat = openai()
    for _ in range(2):
        list(chat.claims(QUESTION, PASSAGES))
    systems = [asked.body["messages"][0]["content"] for asked in api.asked]
    users = [asked.body["messages"][1]["content"] for asked in api.asked]
    fences = [user.split(" ", 1)[0] for user in users]
    assert fences[0] != fences[1]
    for fence, system, user in zip(fences, systems, users, strict=True):
        assert f"the fence {fence}." in system
        assert user.count(fence) == 4
        assert user.endswith(f"{fence} end of passage 2\n\nThe question: {QUESTION}")


def test_a_claim_comes_while_the_rest_is_still_written(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    api.writes = lambda _body: claim("First.", (1, TEXT)) + "\n" + " " * 300 + claim("Second.", (1, TEXT))
    rest = Event()
    api.faults.append(Fault(hold=rest))
    drafts = openai().claims(QUESTION, PASSAGES)
    assert next(drafts).text == "First."
    assert not rest.is_set()
    rest.set()
    assert [draft.text for draft in drafts] == ["Second."]


def test_a_server_that_does_not_stream_is_read_too(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    message = {"role": "assistant", "content": claim("So.", (1, "is paid £240"))}
    api.faults.append(Fault(spoil=lambda _: {"choices": [{"message": message, "finish_reason": "stop"}]}))
    assert list(openai().claims(QUESTION, PASSAGES)) == [Draft("So.", (DraftQuote(1, "is paid £240"),))]


def test_a_stream_with_comments_other_fields_and_no_mark_at_its_end_is_one(
    openai: Callable[..., OpenAiChat], api: ModelApi
) -> None:
    def spoiled(stream: EventStream) -> EventStream:
        noisy = stream.replace(b"data: [DONE]\n\n", b'data: {"choices": [], "usage": {}}\n\n')
        return EventStream(b": ping\n\n" + noisy.replace(b"\n\n", b"\r\n\r\n").replace(b"data: ", b"event: m\r\ndata:"))

    api.faults.append(Fault(spoil=spoiled))
    assert len(list(openai().claims(QUESTION, PASSAGES))) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (EventStream(b"data: what is this\n\n"), "answered something that is no JSON object"),
        (EventStream(b"data: [1, 2]\n\n"), "answered something that is no JSON object"),
        (EventStream(b'data: {"choices": [7]}\n\n'), "answered something else than its API describes"),
        (
            EventStream(b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'),
            "has no time now (500: out of",
        ),
        (EventStream(b'data: {"error": {"message": "too long", "code": 400}}\n\n'), "lower answer.max_passages or"),
        (
            EventStream(b'data: {"choices": [{"delta": {"refusal": "I am sorry"}}]}\n\n'),
            "declined to answer, by its own",
        ),
        (EventStream(b'data: {"choices": [{"finish_reason": "content_filter"}]}\n\n'), "the content filter at "),
        (EventStream(b"\xff\xfe\x00" * 1000), "broke off in the middle"),
        (EventStream(b""), "broke off in the middle"),
        (b"<html>busy</html>", "answered something that is no JSON object"),
        (EventStream(b"x" * (MAX_ANSWER_CHARS + 1)), "answered more than 1,000,000 characters"),
        (completion('{"claim": "It is'), "answered a claim that is no JSON"),
        (completion(" \n"), " wrote nothing at all; ask again, or choose another model"),
        (completion('{"answer": "£240"}'), " wrote JSON that holds no claim; ask again, or choose another model"),
    ],
    ids=[
        "garbage",
        "list",
        "numbers",
        "error",
        "refused",
        "declined",
        "filtered",
        "binary",
        "empty",
        "page",
        "endless",
        "half a claim",
        "nothing",
        "another form",
    ],
)
def test_garbage_is_a_typed_error(openai: Callable[..., OpenAiChat], api: ModelApi, body: bytes, message: str) -> None:
    api.faults.append(Fault(spoil=lambda _: body))
    with pytest.raises(ModelError) as error:
        list(openai().claims(QUESTION, PASSAGES))
    assert message in str(error.value)
    assert KEY not in str(error.value)


def test_an_answer_that_breaks_off_leaves_its_claims_and_says_so(
    openai: Callable[..., OpenAiChat], api: ModelApi
) -> None:
    api.writes = lambda _body: claim("First.", (1, TEXT)) + " " * 500
    api.faults.append(Fault(cut=True))
    drafts = openai().claims(QUESTION, PASSAGES)
    assert next(drafts).text == "First."
    with pytest.raises(TransientModelError, match=r"did not answer \(RemoteProtocolError"):
        next(drafts)


def test_an_answer_that_reached_its_limit_says_which(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    api.faults.append(Fault(spoil=lambda stream: EventStream(stream.replace(b'"stop"', b'"length"'))))
    drafts = openai().claims(QUESTION, PASSAGES)
    assert [next(drafts), next(drafts)]
    with pytest.raises(ModelError, match=r"wrote to its limit; raise answer\.generator\.max_tokens"):
        next(drafts)


def test_silence_ends_in_time(openai: Callable[..., OpenAiChat], api: ModelApi) -> None:
    rest = Event()
    api.faults.append(Fault(hold=rest))
    with pytest.raises(TransientModelError, match=r"did not answer \(ReadTimeout"):
        list(openai(timeout_s=0.3).claims(QUESTION, PASSAGES))
    rest.set()


def test_a_passing_fault_is_asked_past_once(
    openai: Callable[..., OpenAiChat], api: ModelApi, waited: list[float]
) -> None:
    api.faults.append(Fault(429, {"error": {"message": "slow down"}}, {"Retry-After": "1"}))
    assert len(list(openai().claims(QUESTION, PASSAGES))) == 2
    assert len(waited) == 1
    api.faults.extend([Fault(503, b"<html>"), Fault(500, {"error": "oops"})])
    with pytest.raises(TransientModelError, match=r"has no time now \(500: oops\)"):
        list(openai().claims(QUESTION, PASSAGES))
    assert len(api.asked) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "gpt-0"}, r"knows no model 'gpt-0' \(404: model 'gpt-0' not found\)"),
        ({"base_url": "http://127.0.0.1:9/v1"}, r"did not answer \(ConnectError"),
    ],
)
def test_what_cannot_be_asked_is_named(
    openai: Callable[..., OpenAiChat], options: dict[str, str], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        list(openai(**options).claims(QUESTION, PASSAGES))


def test_a_server_of_ones_own_needs_no_key(
    openai: Callable[..., OpenAiChat], api: ModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    api.key = None
    assert len(list(openai().claims(QUESTION, PASSAGES))) == 2
    assert api.asked[0].key == ""
    with pytest.raises(ConfigError, match="there is no key for OpenAI: set OPENAI_API_KEY"):
        openai(base_url=None)


def test_coheres_citations_become_the_sentences_that_hold_them(cohere: CohereChat, api: ModelApi) -> None:
    api.writes = lambda _body: "A week is paid £240. Eels are there, too. Nobody says more."
    api.cites = (("paid £240", 1), ("Eels", 2), ("too", 9), ("there", 1))
    assert list(cohere.claims(QUESTION, PASSAGES)) == [
        Draft("A week is paid £240.", (DraftQuote(1, "A week of river watch is paid £240."),)),
        Draft(
            "Eels are there, too.",
            (DraftQuote(2, "Eels like the weir."), DraftQuote(0, "too"), DraftQuote(1, "there")),
        ),
        Draft("Nobody says more.", ()),
    ]
    sent = api.asked[0].body
    assert sent["documents"] == [
        {"id": "1", "data": {"title": "River watch", "text": TEXT}},
        {"id": "2", "data": {"title": "Eels", "text": "Eels like the weir."}},
    ]
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert sent["messages"][1]["content"] == QUESTION
    assert (sent["temperature"], "max_tokens" in sent) == (0.0, False)


def test_cohere_finds_no_answer(cohere: CohereChat, api: ModelApi) -> None:
    api.writes = lambda _body: "NO ANSWER."
    assert list(cohere.claims(QUESTION, PASSAGES)) == []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda body: body["message"].update(content=None), "answered no text"),
        (lambda body: body["message"].update(content=[{"type": "thinking", "thinking": "hm"}]), "answered no text"),
        (lambda body: body.update(message=None), "answered no text"),
        (lambda body: body.update(finish_reason="MAX_TOKENS"), "wrote to its limit"),
    ],
)
def test_an_answer_of_coheres_that_is_none_is_refused(
    cohere: CohereChat, api: ModelApi, spoil: Callable[[dict[str, Any]], object], message: str
) -> None:
    def spoiled(body: dict[str, Any]) -> dict[str, Any]:
        spoil(body)
        return body

    api.writes = lambda _body: "So."
    api.faults.append(Fault(spoil=spoiled))
    with pytest.raises(ModelError) as error:
        list(cohere.claims(QUESTION, PASSAGES))
    assert message in str(error.value)


@pytest.mark.parametrize(
    "citation",
    [
        {},
        {"start": 0},
        {"start": "x", "text": "a"},
        {"start": 0, "text": None, "sources": None},
        {"start": 0, "sources": [{}]},
    ],
)
def test_citations_that_are_none_are_passed_over(cohere: CohereChat, api: ModelApi, citation: dict[str, Any]) -> None:
    api.writes = lambda _body: "A week is paid £240."
    api.faults.append(Fault(spoil=lambda body: body["message"].update(citations=[citation]) or body))
    (draft,) = cohere.claims(QUESTION, PASSAGES)
    assert all(quote.passage == 0 for quote in draft.quotes)


@pytest.mark.parametrize("fault", [Fault(429, {"message": "slow"}), Fault(500, b"<html>"), Fault(cut=True)])
def test_coheres_passing_faults_are_asked_past_once(cohere: CohereChat, api: ModelApi, fault: Fault) -> None:
    api.writes = lambda _body: "So."
    api.faults.append(fault)
    assert list(cohere.claims(QUESTION, PASSAGES)) == [Draft("So.", ())]
    api.faults.extend([fault, fault])
    with pytest.raises(TransientModelError):
        list(cohere.claims(QUESTION, PASSAGES))


def test_the_question_and_the_passages_may_hold_any_character(
    openai: Callable[..., OpenAiChat], cohere: CohereChat, api: ModelApi
) -> None:
    odd = [Passage("d", "s", "k", "\ud800", (), None, "r", 0, 2, "\ud800 ok.", ("c",))]
    api.writes = lambda _body: json.dumps({"claim": "ok"})
    assert list(openai().claims("\udfff?", odd)) == [Draft("ok", ())]
    assert len(list(cohere.claims("\udfff?", odd))) == 1
