"""A model-free embedder for tests of other parts: words and word pairs hashed into 256 places. Not for production.

Feature hashing after Weinberger et al., 2009 (arXiv:0902.2206). Texts that share words are near each other; it
knows nothing of meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise

import numpy as np

from penstock.embedding.base import LocalModel, Tokenizer, Vectors
from penstock.ids import fingerprint
from penstock.settings import EmbedderSettings

DIMENSION = 256
MAX_TOKENS = 512
VERSION = 1
"""Part of the fingerprint: raise it when the vectors change."""

WORD = re.compile(r"\w+|[^\w\s]")


class WordTokenizer:
    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in WORD.finditer(text)] for text in texts]


class HashingEmbedder(LocalModel):
    """See ``Embedder``."""

    dimension = DIMENSION
    max_tokens = MAX_TOKENS

    def __init__(self, settings: EmbedderSettings) -> None:
        self.fingerprint = hashing_fingerprint(settings)
        self.tokenizer: Tokenizer = WordTokenizer()
        self.runtime: Mapping[str, str] = {"library": "penstock hashing", "precision": "float32"}
        self._settings = settings

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        vectors = [_vector(self._settings.document_prompt + text) for text in texts]
        return np.array(vectors, dtype=np.float32).reshape(len(texts), DIMENSION)

    def embed_query(self, text: str) -> Vectors:
        return _vector(self._settings.query_prompt + text)


def hashing_fingerprint(settings: EmbedderSettings) -> str:
    return fingerprint({"hashing": VERSION, "prompts": [settings.query_prompt, settings.document_prompt]})


def _vector(text: str) -> Vectors:
    words = WORD.findall(text.casefold())[:MAX_TOKENS]
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    vector = np.zeros(DIMENSION, dtype=np.float32)
    for feature in ["", *words, *pairs]:  # the empty one keeps an empty text from being no direction at all
        digest = blake2b(feature.encode("utf-8", "replace"), digest_size=4).digest()
        vector[digest[0]] += 1.0 if digest[1] & 1 else -1.0
    norm = float(np.linalg.norm(vector))
    if not norm:  # signs may cancel
        vector[0] = norm = 1.0
    return vector / np.float32(norm)
