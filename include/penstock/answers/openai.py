"""Any endpoint that speaks OpenAI's chat completions: OpenAI's own, vLLM, Ollama, a gateway. Read as it is written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import httpx

from penstock.answers.base import Draft
from penstock.answers.drafts import DraftReader
from penstock.answers.prompt import messages
from penstock.apis import OPENAI, Caller, find_access
from penstock.errors import ModelError, ModelTimeoutError, UnusableAnswerError
from penstock.retrieval import Passage
from penstock.settings import GeneratorSettings
from penstock.sources.connection import Connections

TRIES = 2
"""Somebody waits for the answer."""
MAX_ANSWER_CHARS = 1_000_000
"""With all that surrounds it on the wire: a server that never ends is left."""
DONE: Any = {"choices": [{"finish_reason": "stop"}]}
TOO_LONG = "lower answer.max_passages or answer.max_chars"


class OpenAiChat:
    """See ``Generator``. The request and its answer: https://platform.openai.com/docs/api-reference/chat-streaming."""

    def __init__(
        self, settings: GeneratorSettings, connections: Connections, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        access = find_access(OPENAI, settings, connections)
        self._settings = settings
        self._caller = Caller(OPENAI, access, settings.model, sleep, too_long=TOO_LONG)
        headers = {"authorization": f"Bearer {access.key}"} if access.key else {}
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_s)
        chosen = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
        self._request: Mapping[str, Any] = {"model": settings.model, "stream": True} | {
            name: value for name, value in chosen.items() if value is not None
        }

    def claims(self, question: str, passages: Sequence[Passage]) -> Iterator[Draft]:
        yield from self.drafts(messages(question, passages))

    def drafts(self, prompt: Sequence[Mapping[str, str]]) -> Iterator[Draft]:
        """The claims that a prompt is answered with. Raises as ``claims`` does."""
        asked = {**self._request, "messages": list(prompt)}
        response = self._caller.patiently(lambda _attempt: self._open(asked), min(TRIES, self._settings.tries))
        reader, ending = DraftReader(), ""
        with closing(response), self._caller.translated():
            for event in self._events(response):
                text, ended = self._read(event)
                ending = ending or ended
                yield from reader.feed(text)
        yield from reader.end()
        if ending == "length":
            raise UnusableAnswerError(f"{self._settings.model!r} wrote to its limit; raise answer.generator.max_tokens")
        if ending == "content_filter":
            raise UnusableAnswerError(
                f"the content filter at {self._caller.access.base_url} ended the answer of {self._settings.model!r}; "
                "ask otherwise, or see to its filter"
            )
        if not ending:
            raise self._caller.cut_short()
        if reader.silent:
            wrote = "JSON that holds no claim" if reader.strange else "nothing at all"
            raise UnusableAnswerError(
                f"{self._settings.model!r} at {self._caller.access.base_url} wrote {wrote}; ask again, or "
                "choose another model"
            )
        if reader.unreadable:
            raise self._caller.malformed("a claim that is no JSON object", UnusableAnswerError)

    def _open(self, asked: Mapping[str, Any]) -> httpx.Response:
        """The answer with its body still to come. Raises ``ModelError`` where it is a refusal."""
        with self._caller.translated():
            request = self._client.build_request("POST", f"{self._caller.access.base_url}/chat/completions", json=asked)
            response = self._client.send(request, stream=True)
            if response.is_success:
                return response
            with closing(response):
                body = _json(response.read())
        raise self._caller.refused(response.status_code, body, response.headers)

    def _events(self, response: httpx.Response) -> Iterator[Any]:
        """Each event's JSON, up to the mark of the end; of a server that does not stream, its whole answer."""
        lines = self._lines(response)
        if "event-stream" not in response.headers.get("content-type", ""):
            yield self._parsed("".join(lines))
            return
        for line in lines:
            field, _, data = line.partition(":")
            if field != "data" or not data.strip():
                continue  # comments keep a connection alive
            if data.strip() == "[DONE]":
                yield DONE
                return
            yield self._parsed(data)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        until, chars, rest = time.monotonic() + self._settings.timeout_s, 0, ""
        for piece in response.iter_text():
            chars += len(piece)
            if chars > MAX_ANSWER_CHARS:
                raise self._caller.malformed(f"more than {MAX_ANSWER_CHARS:,} characters")
            if time.monotonic() > until:
                raise ModelTimeoutError(
                    f"{self._caller.who} was not done after "
                    f"{self._settings.timeout_s:g} s; try again, or raise answer.generator.timeout_s"
                )
            *whole, rest = (rest + piece).split("\n")
            yield from whole
        yield rest

    def _parsed(self, data: str) -> Any:
        event = _json(data)
        if not isinstance(event, dict):
            raise self._caller.malformed("something that is no JSON object")
        return event

    def _read(self, event: dict[str, Any]) -> tuple[str, str]:
        """The text that an event adds, and why the answer ends, where it does."""
        if error := event.get("error"):
            code = error.get("code") if isinstance(error, dict) else None
            raise self._caller.refused(code if isinstance(code, int) else 500, event, {})
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else {}
        if not isinstance(choice, dict):
            raise self._caller.malformed("something else than its API describes")
        said = choice.get("delta") or choice.get("message") or {}
        if isinstance(said, dict) and said.get("refusal"):
            raise ModelError(
                f"{self._settings.model!r} at {self._caller.access.base_url} declined to answer, by its own rules; "
                "ask otherwise, or choose another model"
            )
        text = said.get("content") if isinstance(said, dict) else None
        return text if isinstance(text, str) else "", str(choice.get("finish_reason") or "")


def _json(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
