"""The Embedder port: texts in, unit vectors out, under a name that says which weights made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Tokenizer(Protocol):
    """The embedder's own tokens, as places in a text."""

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Return for each text its tokens' ``(start, end)`` offsets in characters, special tokens left out.

        Nothing is truncated.
        """
        ...


class Embedder(Protocol):
    """One loaded model. Safe to call from several threads at once.

    ``fingerprint`` is the hash of weights, tokenizer, pooling and prompts (never of runtime, precision or machine).
    ``tokenizer_fingerprint`` names all that decides where chunks are cut.
    ``max_tokens`` is what one input may hold besides special tokens; longer texts are truncated there, or refused.
    ``runtime`` says what runs it here (library, version, precision), for the record; asking may load the model.
    """

    fingerprint: str
    dimension: int
    max_tokens: int
    tokenizer: Tokenizer

    @property
    def tokenizer_fingerprint(self) -> str: ...

    @property
    def runtime(self) -> Mapping[str, str]: ...

    def batches(self, texts: Sequence[str]) -> list[slice]:
        """Cut texts into what is embedded, and kept, together: what is paid for must not be lost to what fails next."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        """Return float32 of shape (len(texts), dimension), L2-normalised, in the order given."""
        ...

    def embed_query(self, text: str) -> Vectors:
        """Return float32 of shape (dimension,), L2-normalised."""
        ...


class LocalModel:
    """What models in this process share: the name of one is also that of its tokenizer, and a call costs nothing."""

    fingerprint: str

    @property
    def tokenizer_fingerprint(self) -> str:
        return self.fingerprint

    def batches(self, texts: Sequence[str]) -> list[slice]:
        return [slice(0, len(texts))]
