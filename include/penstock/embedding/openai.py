"""Any endpoint that speaks OpenAI's embeddings: OpenAI's own, a gateway, or a server on one's own machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from penstock.apis import Caller
from penstock.apis.answers import billed
from penstock.embedding.api import Answer
from penstock.settings import ApiEmbedderSettings


class OpenAiApi:
    """See ``EmbeddingApi``. The request and its answer: https://platform.openai.com/docs/api-reference/embeddings."""

    library = f"httpx {httpx.__version__}"

    def __init__(self, settings: ApiEmbedderSettings, caller: Caller) -> None:
        self._caller = caller
        headers = {"authorization": f"Bearer {caller.access.key}"} if caller.access.key else {}
        self._client = httpx.Client(headers=headers, timeout=settings.timeout_s)
        self._request: Mapping[str, Any] = {"model": settings.model, "encoding_format": "float"} | (
            {"dimensions": settings.dimension} if settings.shorten else {}
        )

    def embed(self, texts: Sequence[str], query: bool) -> Answer:
        del query  # this API tells them apart by prompts only
        with self._caller.translated():
            url = f"{self._caller.access.base_url}/embeddings"
            response = self._client.post(url, json={**self._request, "input": list(texts)})
        body = self._json(response)
        if not response.is_success:
            raise self._caller.refused(response.status_code, body, response.headers)
        if not isinstance(body, dict):
            raise self._caller.broken()
        return Answer(_in_order(body.get("data")), _tokens(body.get("usage")))

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError:
            return None
        except RecursionError:
            raise self._caller.malformed("JSON that is nested too deep") from None


def _in_order(data: Any) -> list[Any] | None:
    """The vectors by their ``index``: the order of the answer is not promised. ``None`` where that cannot be told."""
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        return None
    found = {one["index"]: one.get("embedding") for one in data if isinstance(one.get("index"), int)}
    return [found[place] for place in range(len(data))] if set(found) == set(range(len(data))) else None


def _tokens(usage: Any) -> int | None:
    return billed(usage.get("prompt_tokens", usage.get("total_tokens"))) if isinstance(usage, dict) else None
