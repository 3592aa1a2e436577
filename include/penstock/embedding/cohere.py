"""Cohere's embed: the right input type for documents and for queries, nothing truncated."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.apis import Caller
from penstock.apis import cohere as sdk
from penstock.apis.answers import billed
from penstock.embedding.api import Answer
from penstock.settings import ApiEmbedderSettings


class CohereApi:
    """See ``EmbeddingApi``. The request and its answer: https://docs.cohere.com/reference/embed."""

    library = f"cohere {sdk.VERSION}"

    def __init__(self, settings: ApiEmbedderSettings, caller: Caller) -> None:
        self._settings, self._caller = settings, caller
        self._client = sdk.open_client(caller, settings)
        self._size = settings.dimension if settings.shorten else sdk.OMIT

    def embed(self, texts: Sequence[str], query: bool) -> Answer:
        response = sdk.called(
            self._caller,
            lambda: self._client.embed(
                model=self._settings.model,
                texts=list(texts),
                input_type="search_query" if query else "search_document",
                embedding_types=["float"],
                truncate="NONE",
                output_dimension=self._size,
            ),
        )
        units = getattr(getattr(response, "meta", None), "billed_units", None)
        vectors = getattr(getattr(response, "embeddings", None), "float_", None)
        return Answer(vectors, billed(getattr(units, "input_tokens", None)))
