"""A cross-encoder on the CPU with OpenVINO, without torch: question and passage are read together, one score each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.embedding import bert
from penstock.embedding.openvino import (
    MAX_STREAMS,
    available_cores,
    compile_on_cpu,
    pad,
    plan_batches,
    run_batches,
)
from penstock.errors import ModelError
from penstock.reranking import cross_encoder
from penstock.reranking.base import Ranked, Ranking, how_many
from penstock.reranking.pairs import PairTokenizer
from penstock.settings import LocalRerankerSettings

MAX_PASSAGES = 1000


class LocalReranker:
    """See ``Reranker``. Scores are the model's logits. It is compiled when something is first to be ranked."""

    max_passages = MAX_PASSAGES

    def __init__(self, settings: LocalRerankerSettings) -> None:
        self._folder = cross_encoder.open_folder(settings.model)
        self.name = f"{self._folder.path.name} {self._folder.fingerprint}"
        self._tokens = PairTokenizer(self._folder.tokenizer, self._folder.max_length)
        self._threads = settings.threads or available_cores()
        self._streams = min(self._threads, MAX_STREAMS)
        self._compiling = threading.Lock()
        self._engine: Any = None

    def rerank(self, question: str, passages: Sequence[str], k: int | None = None) -> Ranking:
        wanted = how_many(passages, k, MAX_PASSAGES)
        if not wanted:
            return Ranking(())
        scores = self.scores(question, passages)
        hits = (Ranked(place, float(score)) for place, score in enumerate(scores))
        return Ranking(tuple(sorted(hits, key=lambda hit: (-hit.score, hit.place))[:wanted]))

    def scores(self, question: str, passages: Sequence[str]) -> NDArray[np.float32]:
        """The logit of each passage, float32. Raises ``ModelError`` where one is no number."""
        pairs = self._tokens.encode(question, passages)

        def inputs(batch: Sequence[int]) -> list[NDArray[Any]]:
            ids, mask = pad([pairs[place].ids for place in batch])
            segments, _ = pad([pairs[place].segments for place in batch])
            return [ids, mask, segments]

        found = np.empty((len(pairs), 1), dtype=np.float32)
        batches = plan_batches([len(pair.ids) for pair in pairs])
        run_batches(self._compiled(), self._streams, inputs, batches, found)
        if not np.isfinite(found).all():
            raise ModelError(f"{self.name} gave scores that are no numbers; is {self._folder.weights} damaged?")
        scores: NDArray[np.float32] = found[:, 0]
        return scores

    def _compiled(self) -> Any:
        with self._compiling:
            if self._engine is None:
                model, core = cross_encoder.build(self._folder), bert.import_openvino().Core()
                self._engine = compile_on_cpu(core, model, "f32", self._threads, self._streams)
            return self._engine
