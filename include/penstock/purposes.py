"""What a model is for: the word that commands, training sets and models share."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """Stable names: they are stored."""

    EMBEDDER = "embedder"
    RERANKER = "reranker"
    GENERATOR = "generator"
