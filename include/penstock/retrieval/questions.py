"""Vectors of questions, each made once for whoever asks many of them in several ways."""

from __future__ import annotations

from penstock.embedding.base import Vectors
from penstock.platform import Platform
from penstock.settings import AnyEmbedder


class QuestionVectors:
    """Kept for as long as this is: a paid embedder bills each question once. 1.5 KB a question at 384 dimensions."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._known: dict[tuple[AnyEmbedder, str], Vectors] = {}

    def of(self, embedder: AnyEmbedder, text: str) -> list[float]:
        if (embedder, text) not in self._known:
            self._known[embedder, text] = self._platform.embedder(embedder).embed_query(text)
        vector: list[float] = self._known[embedder, text].tolist()
        return vector
