"""An embedder behind a paid API: what is sent together, what it may cost, what came back. Shared by every provider.

Nothing is truncated: chunks are cut by the model's own tokenizer where ``tokenizer`` names its file, else by an
estimate on the safe side; a text that is too long all the same is an error here or at the API.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from penstock.apis import COHERE, OPENAI, Caller, find_access
from penstock.apis.calling import SHORTER
from penstock.embedding.base import Tokenizer, Vectors
from penstock.embedding.folder import file_hash
from penstock.embedding.tokens import FileTokenizer, PieceTokenizer, encodable
from penstock.errors import ConfigError, ModelError
from penstock.ids import fingerprint
from penstock.settings import ApiEmbedderSettings
from penstock.sources.connection import Connections
from penstock.spending import RunAccount

REVISION = 1
"""Part of the fingerprint: raise it when the same settings give other vectors."""
SPECIAL_TOKENS = 4
"""More than any tokenizer adds to a text."""
REQUEST_TOKENS = 250_000
"""OpenAI takes 300,000 tokens in one request."""
SHARE_OF_BUDGET = 4
"""A request takes at most this part of a run's budget, so that a small one too is spent, and not only refused."""
QUERY_TRIES = 2
"""Somebody waits for the answer to a question."""
SERVICES = {"cohere": COHERE, "openai": OPENAI}


@dataclass(frozen=True)
class Answer:
    """What an API answered: ``vectors`` as it wrote them, and the tokens that it billed (``None``: it did not say)."""

    vectors: Any
    tokens: int | None


class EmbeddingApi(Protocol):
    """One provider. ``embed`` makes one request; it raises ``ModelError`` or ``TransientModelError``."""

    library: str

    def embed(self, texts: Sequence[str], query: bool) -> Answer: ...


class ApiEmbedder:
    """See ``Embedder``. Opened without a key; that and the client are looked for with the first request.

    What is billed goes to ``account``, which may refuse a request beforehand (``BudgetError``).
    """

    def __init__(
        self,
        settings: ApiEmbedderSettings,
        connections: Connections,
        account: RunAccount | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.fingerprint = api_fingerprint(settings)
        self.dimension = settings.dimension
        self.tokenizer, self.tokenizer_fingerprint = _tokenizer(settings)
        prompt = len(self.tokenizer.spans([settings.document_prompt])[0])
        self.max_tokens = settings.max_tokens - SPECIAL_TOKENS - prompt
        self._settings, self._connections, self._account, self._sleep = settings, connections, account, sleep
        self._opening = threading.Lock()
        self._opened: tuple[EmbeddingApi, Caller] | None = None

    @property
    def runtime(self) -> Mapping[str, str]:
        api, caller = self._open()
        place = {"endpoint": caller.access.base_url, "model": self._settings.model}
        return {"library": api.library, **place, "precision": "float32"}

    def batches(self, texts: Sequence[str]) -> list[slice]:
        """One slice a request: so many texts as the API takes, and no larger a part of the budget than need be."""
        budget = self._settings.budget_tokens
        most = min(REQUEST_TOKENS, budget // SHARE_OF_BUDGET) if budget else REQUEST_TOKENS
        slices: list[slice] = []
        begin = size = 0
        for end, bound in enumerate(self._bounds(self._prompted(texts))):
            if end > begin and (end - begin == self._settings.batch_texts or size + bound > most):
                slices.append(slice(begin, end))
                begin, size = end, 0
            size += bound
        return [*slices, slice(begin, len(texts))] if texts else []

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        sent = self._prompted(texts)
        self._require_room(sent, SHORTER)
        answers = [self._ask(sent[part], False, self._settings.tries) for part in self.batches(texts)]
        return np.concatenate([np.empty((0, self.dimension), np.float32), *answers])

    def embed_query(self, text: str) -> Vectors:
        sent = encodable(self._settings.query_prompt + text)
        self._require_room([sent], "ask a shorter question")
        vector: Vectors = self._ask([sent], True, min(QUERY_TRIES, self._settings.tries))[0]
        return vector

    def _prompted(self, texts: Sequence[str]) -> list[str]:
        return [encodable(self._settings.document_prompt + text) for text in texts]

    def _bounds(self, texts: Sequence[str]) -> list[int]:
        """For each text more tokens than can be billed for it: no tokenizer makes more tokens than there are bytes."""
        if self._settings.tokenizer is None:
            return [len(text.encode()) + SPECIAL_TOKENS for text in texts]
        return [len(spans) + SPECIAL_TOKENS for spans in self.tokenizer.spans(texts)]

    def _require_room(self, texts: Sequence[str], fix: str) -> None:
        """Some servers truncate and do not say so."""
        for text in texts:
            if len(text.encode()) <= self._settings.max_tokens - SPECIAL_TOKENS:
                continue
            tokens = len(self.tokenizer.spans([text])[0])
            if tokens > self._settings.max_tokens - SPECIAL_TOKENS:
                raise ModelError(
                    f"a text of {tokens} tokens ({len(text)} characters) is more than {self._settings.model!r} reads "
                    f"(embedder.max_tokens = {self._settings.max_tokens}): {fix}"
                )

    def _ask(self, texts: Sequence[str], query: bool, tries: int) -> Vectors:
        api, caller = self._open()
        bound = sum(self._bounds(texts))

        def once(attempt: int) -> Answer:
            if self._account is None:
                return api.embed(texts, query)
            with self._account.request(bound, again=attempt > 1) as charge:
                try:
                    answer = api.embed(texts, query)
                except ModelError as error:
                    charge(0, bound if error.maybe_billed else 0)
                    raise
                charge(*((answer.tokens, 0) if answer.tokens is not None else (0, bound)))
                return answer

        return self._checked(caller.patiently(once, tries).vectors, len(texts), caller)

    def _checked(self, rows: Any, texts: int, caller: Caller) -> Vectors:
        if not isinstance(rows, list) or len(rows) != texts:
            found = len(rows) if isinstance(rows, list) else "no"
            raise caller.malformed(f"{found} vectors for {texts} texts")
        sizes = {len(row) if isinstance(row, list) else 0 for row in rows}
        if 0 in sizes:
            raise caller.malformed("vectors that are no lists of numbers")
        if sizes != {self.dimension}:
            wrong = ", ".join(map(str, sorted(sizes - {self.dimension})))
            raise caller.malformed(
                f"vectors of {wrong} dimensions where embedder.dimension = {self.dimension}: write {wrong} there, or "
                "shorten = true for a model that can"
            )
        try:
            vectors = np.array(rows, dtype=np.float32)
        except (ValueError, TypeError, OverflowError):
            raise caller.malformed("vectors that are not all numbers") from None
        if vectors.shape != (texts, self.dimension):
            raise caller.malformed("vectors that are not all numbers")
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths)) or not np.all(lengths > 0):
            raise caller.malformed("vectors that are not finite or have no direction")
        unit: Vectors = (vectors / lengths).astype(np.float32)
        return unit

    def _open(self) -> tuple[EmbeddingApi, Caller]:
        with self._opening:
            if self._opened is None:
                settings = self._settings
                service = SERVICES[settings.backend]
                try:
                    access = find_access(service, settings, self._connections)
                except ConfigError as error:
                    raise ConfigError(f"embedder {settings.model!r}: {error}") from None
                caller = Caller(service, access, settings.model, self._sleep)
                self._opened = _api(settings, caller), caller
            return self._opened


def api_fingerprint(settings: ApiEmbedderSettings) -> str:
    """Name the vectors: model, dimension, input types, prompts; not the address, since models move."""
    return fingerprint(
        {
            "api": [settings.backend, REVISION],
            "model": settings.model,
            "dimension": settings.dimension,
            "input_types": ["search_query", "search_document"] if settings.backend == "cohere" else [],
            "prompts": [settings.query_prompt, settings.document_prompt],
        }
    )


def _tokenizer(settings: ApiEmbedderSettings) -> tuple[Tokenizer, str]:
    """What cuts the chunks, and the name it goes by. Raises ``ModelError`` where its file is missing."""
    path = settings.tokenizer
    if path is None:
        return PieceTokenizer(), fingerprint({"pieces": PieceTokenizer.REVISION, "max_tokens": settings.max_tokens})
    if not path.is_file():
        raise ModelError(f"there is no tokenizer at {path}; embedder.tokenizer names the model's tokenizer.json")
    name = fingerprint({"file": file_hash(path), "max_tokens": settings.max_tokens})
    return FileTokenizer(path, settings.max_tokens), name


def _api(settings: ApiEmbedderSettings, caller: Caller) -> EmbeddingApi:
    if settings.backend == "cohere":
        from penstock.embedding.cohere import CohereApi

        return CohereApi(settings, caller)
    from penstock.embedding.openai import OpenAiApi

    return OpenAiApi(settings, caller)
