"""A model's own tokenizer, read from its tokenizer.json: whole to count, truncated to embed. Or an estimate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import ModelError

if TYPE_CHECKING:
    import tokenizers

SLICE = 512
"""Texts handed over at a time: an encoding takes far more memory than its text."""


class FileTokenizer:
    """``spans`` for the chunker, ``encode`` for the embedder. ``max_length`` counts special tokens."""

    def __init__(self, path: Path, max_length: int) -> None:
        self._path = path
        self._max_length = max_length

    @cached_property
    def _whole(self) -> tokenizers.Tokenizer:
        return load_tokenizer(self._path)

    @cached_property
    def _truncated(self) -> tokenizers.Tokenizer:
        tokenizer = load_tokenizer(self._path)
        tokenizer.enable_truncation(self._max_length)
        return tokenizer

    @property
    def special_tokens(self) -> int:
        return int(self._truncated.num_special_tokens_to_add(False))

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [
            encoding.offsets
            for part in _slices(texts)
            for encoding in self._whole.encode_batch(part, add_special_tokens=False)
        ]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text with special tokens, at most ``max_length`` of them."""
        return [
            encoding.ids  # encode_batch_fast computes no offsets
            for part in _slices(texts)
            for encoding in self._truncated.encode_batch_fast(part)
        ]


class PieceTokenizer:
    """Stands in for a tokenizer that is not at hand: four letters, a digit, a sign or any other character is a token.

    On the safe side: of English it counts a quarter more than WordPiece does, of other scripts more.
    """

    REVISION = 1
    PIECE = re.compile(r"[A-Za-z]{1,4}|\S")

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[piece.span() for piece in self.PIECE.finditer(text)] for text in texts]


def load_tokenizer(path: Path) -> tokenizers.Tokenizer:
    """Read a tokenizer.json, to neither pad nor cut. Raises ``ModelError``."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001 (the library raises nothing narrower)
        raise ModelError(f"{path} is not a tokenizer that this version of tokenizers reads: {error}") from None
    # The file may ask for both (all-MiniLM-L6-v2's pads everything to 128 tokens).
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _slices(texts: Sequence[str]) -> list[list[str]]:
    return [[encodable(text) for text in texts[i : i + SLICE]] for i in range(0, len(texts), SLICE)]


def encodable(text: str) -> str:
    """Replace lone surrogates, which the library refuses, one for one: offsets stay right."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
