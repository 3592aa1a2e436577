"""A question beside each passage, as a cross-encoder reads them: by the model's own tokenizer.json."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from penstock.embedding.tokens import encodable, load_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Pair(NamedTuple):
    """Token ids, and of each its segment: 0 the question's, 1 the passage's, where the model tells them apart."""

    ids: Sequence[int]
    segments: Sequence[int]


class PairTokenizer:
    """``max_length`` counts special tokens. What is too long is cut at the passage's end.

    A question that would take more than half is cut to that first, so that something of each passage is read.
    """

    def __init__(self, path: Path, max_length: int) -> None:
        self._path, self._max_length = path, max_length

    @cached_property
    def _whole(self) -> Tokenizer:
        return load_tokenizer(self._path)

    @cached_property
    def _truncated(self) -> Tokenizer:
        tokenizer = load_tokenizer(self._path)
        tokenizer.enable_truncation(self._max_length, strategy="only_second")
        return tokenizer

    def encode(self, question: str, passages: Sequence[str]) -> list[Pair]:
        asked = self._shortened(encodable(question))
        pairs = [(asked, encodable(passage)) for passage in passages]
        return [Pair(one.ids, one.type_ids) for one in self._truncated.encode_batch_fast(pairs)]

    def _shortened(self, question: str) -> str:
        most = (self._max_length - self._truncated.num_special_tokens_to_add(True)) // 2
        spans = self._whole.encode(question, add_special_tokens=False).offsets
        return question[: spans[most - 1][1]] if len(spans) > most else question
