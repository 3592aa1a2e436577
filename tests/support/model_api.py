"""A server on loopback that answers as the APIs of Cohere and OpenAI do, and misbehaves when it is told to.

Shapes of requests, answers and errors, read on 2026-11-21:
- https://docs.cohere.com/reference/embed and https://docs.cohere.com/reference/rerank (v2), with the response types of
  the Cohere SDK 7.3.1 that are generated from the same description;
- https://docs.cohere.com/reference/chat (v2) and https://docs.cohere.com/docs/rag-citations;
- https://docs.cohere.com/reference/errors for the messages of 400, 401, 404 and 429;
- https://platform.openai.com/docs/api-reference/chat and chat-streaming, as vLLM and Ollama answer it too;
- https://platform.openai.com/docs/api-reference/embeddings, by OpenAI's own clients generated from its description.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest

from penstock.embedding.hashing import HashingEmbedder
from penstock.settings import EmbedderSettings

KEY = "co-KEY-that-nobody-may-see-8d1f"
COHERE_MODEL, OPENAI_MODEL, RERANK_MODEL = "embed-v4.0", "text-embedding-3-small", "rerank-v3.5"
CHAT_MODEL = "command-a-03-2025"
PIECE_CHARS = 7
"""So much text comes with an event of a stream."""
DIMENSION = 256
LONGEST = 512
"""Tokens of a text; more is refused."""
TOKEN = re.compile(r"\w+|[^\w\s]")

Body = dict[str, Any]
Cited = tuple[str, int]
"""Words of an answer, and the number of the document that they are cited from."""


class EventStream(bytes):
    """An answer's body as server-sent events."""


@dataclass
class Fault:
    """What happens to one request instead of an answer, or to its answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    spoil: Callable[[Body], Any] | None = None
    """Makes another answer of the right one."""
    cut: bool = False
    """Fewer bytes come than were announced."""
    delay_s: float = 0.0
    hold: Event | None = None
    """Half of the answer comes; the rest when this is set."""


@dataclass
class Asked:
    """One request: where, what, and with which key."""

    path: str
    body: Body
    key: str


@dataclass
class ModelApi:
    """``faults`` befall the next requests, one each; ``asked`` are the requests so far, ``billed`` their tokens."""

    url: str = ""
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    billed: int = 0
    key: str | None = KEY
    keys_left: int | None = None
    """So many requests later no key is right any more."""
    writes: Callable[[Body], str] = lambda _body: ""
    """The chat model behind it: from a request to what it writes."""
    adapters: tuple[str, ...] = ()
    """Names of tuned models that it serves beside, as vLLM does."""
    cites: tuple[Cited, ...] = ()
    """Cohere's citations of the next answers."""

    def answer(self, asked: Asked) -> tuple[int, Body | EventStream]:
        expired = self.keys_left is not None and len(self.asked) > self.keys_left
        if self.key is not None and (expired or asked.key != f"Bearer {self.key}"):
            return 401, {"message": f"invalid api token: {asked.key}"}  # a careless gateway repeats what it was sent
        match asked.path:
            case "/v2/embed":
                return self._cohere(asked.body)
            case "/v2/rerank":
                return _rerank(asked.body)
            case "/v1/embeddings":
                return self._openai(asked.body)
            case "/v1/chat/completions" if asked.body["model"] in (CHAT_MODEL, *self.adapters):
                text = self.writes(asked.body)
                return 200, completion(text) if asked.body.get("stream") else whole_completion(text, asked.body)
            case "/v2/chat" if asked.body["model"] == CHAT_MODEL:
                return 200, cohere_chat(self.writes(asked.body), self.cites)
            case "/v1/chat/completions" | "/v2/chat":
                return 404, {"message": f"model '{asked.body['model']}' not found"}
        return 404, {"message": "not found"}

    def _cohere(self, body: Body) -> tuple[int, Body]:
        texts = body["texts"]
        if body["model"] != COHERE_MODEL:
            return 404, {"id": "8f2c", "message": f"model '{body['model']}' not found"}
        if body.get("input_type") not in ("search_document", "search_query"):
            return 400, {"message": "invalid request: valid input_type must be provided with the provided model"}
        if len(texts) > 96:
            return 400, {
                "message": f"invalid request: total number of texts must be at most 96 - received {len(texts)}"
            }
        longest = max(map(tokens, texts))
        if longest > LONGEST and body.get("truncate") == "NONE":
            return 400, {"message": f"too many tokens: a text cannot exceed {LONGEST} - received {longest}"}
        billed = self._bill(texts)
        return 200, {
            "id": "da6e531f-54c5-4a73-bf92-f60566d8d753",
            "embeddings": {"float": vectors(texts, body.get("output_dimension") or DIMENSION)},
            "texts": texts,
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": billed}},
            "response_type": "embeddings_by_type",
        }

    def _openai(self, body: Body) -> tuple[int, Body]:
        texts = body["input"]
        if body["model"] != OPENAI_MODEL:
            said = f"The model `{body['model']}` does not exist or you do not have access to it."
            return 404, {"error": {"message": said, "type": "invalid_request_error", "code": "model_not_found"}}
        billed = self._bill(texts)
        made = vectors(texts, body.get("dimensions") or DIMENSION)
        data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(made)]
        usage = {"prompt_tokens": billed, "total_tokens": billed}
        # Clients must go by the index.
        return 200, {"object": "list", "data": data[::-1], "model": OPENAI_MODEL, "usage": usage}

    def _bill(self, texts: list[str]) -> int:
        billed = sum(map(tokens, texts))
        self.billed += billed
        return billed


def tokens(text: str) -> int:
    return len(TOKEN.findall(text))


def vectors(texts: list[str], dimension: int) -> list[list[float]]:
    """Texts that share words are near each other. Not of length 1: some APIs normalise, others do not."""
    found: list[list[float]] = (
        3 * HashingEmbedder(EmbedderSettings(backend="hashing")).embed_documents(texts)
    ).tolist()
    return [vector[:dimension] for vector in found]


def _rerank(body: Body) -> tuple[int, Body]:
    if body["model"] != RERANK_MODEL:
        return 404, {"message": f"model '{body['model']}' not found"}
    asked = set(TOKEN.findall(body["query"].lower()))
    shared = [len(asked & set(TOKEN.findall(text.lower()))) / len(asked) for text in body["documents"]]
    order = sorted(range(len(shared)), key=lambda n: -shared[n])[: body.get("top_n")]
    return 200, {
        "id": "07734bd2-2473-4f07-94e1-0d9f0e6843cf",
        "results": [{"index": n, "relevance_score": shared[n]} for n in order],
        "meta": {"api_version": {"version": "2", "is_experimental": False}, "billed_units": {"search_units": 1}},
    }


def completion(text: str) -> EventStream:
    """A chat completion as it is streamed: a piece of the text an event, then why it ends, then the mark of the end."""
    pieces = [text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS)]
    choices: list[Body] = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    events = [json.dumps({"object": "chat.completion.chunk", "choices": [choice]}) for choice in choices]
    return EventStream("".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode())


def whole_completion(text: str, body: Body) -> Body:
    """A chat completion in one piece; JSON is a call of the tool that was asked for, anything else is prose."""
    message: Body = {"role": "assistant", "content": text}
    if text.startswith("{") and "tool_choice" in body:
        function = {"name": body["tool_choice"]["function"]["name"], "arguments": text}
        message = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_1", "function": function}]}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def cohere_chat(text: str, cites: tuple[Cited, ...]) -> Body:
    citations = [
        {
            "start": text.index(words),
            "end": text.index(words) + len(words),
            "text": words,
            "sources": [{"type": "document", "id": str(number), "document": {"id": str(number)}}],
            "type": "TEXT_CONTENT",
        }
        for words, number in cites
    ]
    message = {"role": "assistant", "content": [{"type": "text", "text": text}], "citations": citations}
    usage = {"billed_units": {"input_tokens": 10, "output_tokens": 5}}
    return {"id": "c14c80c3", "finish_reason": "COMPLETE", "message": message, "usage": usage}


def use_our_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which the SDKs find the key of the server, and reach it through no proxy."""
    for name in ("COHERE_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CO_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, KEY)


@contextmanager
def model_api() -> Iterator[ModelApi]:
    api = ModelApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = Asked(self.path, sent, self.headers.get("authorization", ""))
            api.asked.append(asked)
            fault = api.faults.popleft() if api.faults else Fault()
            time.sleep(fault.delay_s)
            status, body = (fault.status, fault.body) if fault.status != 200 else api.answer(asked)
            body = fault.spoil(body) if fault.spoil else body
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            kind = "text/event-stream" if isinstance(body, EventStream) else "application/json"
            self.send_response(status)
            for name, value in {"content-type": kind, **fault.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            half = len(data) // 2
            self.wfile.write(data[:half])
            self.wfile.flush()
            if fault.hold is not None:
                fault.hold.wait(60)
            if not fault.cut:
                self.wfile.write(data[half:])
            self.close_connection = fault.cut

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
