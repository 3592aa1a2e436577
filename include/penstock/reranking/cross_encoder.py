"""A cross-encoder (Nogueira and Cho, "Passage re-ranking with BERT", 2019) from its folder to an OpenVINO graph.

Run are transformers' sequence classifiers of BERT and of RoBERTa (also XLM-R) with one label. Every tensor of the file
has to be one that the graph reads: a head that is missing, or layers that config.json does not know, are errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from penstock.embedding.bert import Encoder, Weights, read_weights
from penstock.embedding.folder import TOKENIZER, WEIGHTS, check_files, computing, file_hash, locate, read_json
from penstock.errors import ModelError
from penstock.ids import fingerprint


class Kind(NamedTuple):
    """How an architecture names its tensors: those of the encoder, of the layer before the last, and of the last.

    In a ``roberta`` positions begin after the padding token's id, and there are no segments.
    """

    prefix: str
    pooler: str
    head: str
    roberta: bool


_ROBERTA = Kind("roberta.", "classifier.dense", "classifier.out_proj", roberta=True)
KINDS = {
    "BertForSequenceClassification": Kind("bert.", "pooler.dense", "classifier", roberta=False),
    "RobertaForSequenceClassification": _ROBERTA,
    "XLMRobertaForSequenceClassification": _ROBERTA,
}
UNREAD = "pooler."
"""Some RoBERTa files carry the pooler of their pretraining, which a classifier does not use."""


@dataclass(frozen=True)
class CrossEncoder:
    """A cross-encoder on disk. ``max_length`` is of a pair and counts special tokens."""

    path: Path
    architecture: str
    config: Mapping[str, Any]
    max_length: int

    @property
    def kind(self) -> Kind:
        return KINDS[self.architecture]

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS

    @property
    def tokenizer(self) -> Path:
        return self.path / TOKENIZER

    @property
    def first_place(self) -> int:
        return int(self.config.get("pad_token_id", 1)) + 1 if self.kind.roberta else 0

    @cached_property
    def fingerprint(self) -> str:
        """Names the scores that it gives: architecture, weights, tokenizer, length; 16 hex digits."""
        return fingerprint(
            {
                "architecture": self.architecture,
                "config": computing(dict(self.config)),
                "weights": file_hash(self.weights),
                "tokenizer": file_hash(self.tokenizer),
                "max_length": self.max_length,
            }
        )


def open_folder(model: str) -> CrossEncoder:
    """Find and check the folder that ``model`` names.

    Raises ``ModelError`` where it is missing or incomplete, holds its weights as a pickle, or is no model of a kind
    that is run here.
    """
    path = locate(model)
    check_files(model, path)
    config = read_json(path / "config.json", {})
    named = config.get("architectures") or ["none"]
    architecture = str(named[0])
    if architecture not in KINDS:
        raise ModelError(
            f"{path} is a {architecture}, and no cross-encoder that is run here; there are: {', '.join(KINDS)}"
        )
    _check(path, config)
    found = CrossEncoder(path, architecture, config, 0)
    places = int(config["max_position_embeddings"]) - found.first_place
    declared = read_json(path / "tokenizer_config.json", {}).get("model_max_length")
    return CrossEncoder(path, architecture, config, min(places, int(declared)) if declared else places)


def _check(path: Path, config: Mapping[str, Any]) -> None:
    labels = len(config["id2label"]) if "id2label" in config else int(config.get("num_labels", 2))
    if labels != 1:
        raise ModelError(f"{path} tells {labels} labels apart; a reranker has one, the relevance")
    needed = ("num_hidden_layers", "num_attention_heads", "hidden_size", "max_position_embeddings")
    if missing := [key for key in needed if key not in config]:
        raise ModelError(f"{path / 'config.json'} does not say {', '.join(missing)}; save the model again")
    wanted = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    for key, would_do in wanted.items():
        if (found := config.get(key, would_do)) != would_do:
            raise ModelError(f"a cross-encoder is run with {key} {would_do!r}, but {path} has {found!r}; name another")


def build(folder: CrossEncoder) -> Any:
    """Return the ``openvino.Model``: inputs int32 ``ids``, float32 ``mask``, int32 ``segments``, each (batch, length);
    output (batch, 1) float32 logits. Raises ``ModelError`` where weights and config.json do not fit together.
    """
    weights = read_weights(folder.weights, folder.kind.prefix)
    try:
        graph = _Graph(folder, weights)
        model = graph.model()
    except KeyError as error:
        raise ModelError(
            f"{folder.weights} has no tensor {error}, which a {folder.architecture} needs; save the whole model"
        ) from None
    except RuntimeError as error:
        raise ModelError(f"{folder.weights} does not fit its config.json: {_last_line(error)}") from None
    if left := sorted(name for name in weights.keys() - graph.used if not name.startswith(UNREAD)):
        raise ModelError(
            f"{folder.weights} has {len(left)} tensors that config.json knows nothing of, such as {left[0]!r}; "
            "one of the two is another model's"
        )
    return model


def _last_line(error: RuntimeError) -> str:
    return str(error).strip().splitlines()[-1]


class _Graph(Encoder):
    def __init__(self, folder: CrossEncoder, weights: Weights) -> None:
        super().__init__(weights, folder.config, folder.first_place)
        self.kind = folder.kind

    def model(self) -> Any:
        op = self.op
        ids = op.parameter([-1, -1], np.int32, "ids")
        mask = op.parameter([-1, -1], np.float32, "mask")
        segments = op.parameter([-1, -1], np.int32, "segments")
        encoded = self.encoded(ids, mask, None if self.kind.roberta else segments)
        first = op.gather(encoded, self.scalar(0), self.scalar(1))
        pooled = op.tanh(self.dense(first, self.kind.pooler))
        return self.ov.Model([self.dense(pooled, self.kind.head)], [ids, mask, segments], "cross-encoder")
