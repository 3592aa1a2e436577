"""BERT (Devlin et al., 2019) as an OpenVINO graph, straight from safetensors: ids and mask in, unit vectors out.

Names of weights are transformers'. The graph ends in pooling and L2 normalisation, so that a batch of any shape
leaves as (batch, hidden) float32.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.embedding.folder import ModelFolder
from penstock.errors import ModelError

Weights = Mapping[str, NDArray[np.float32]]
Node = Any
"""openvino ships no types for its graph nodes."""

MASKED = np.float32(-1e4)
OTHER_BACKEND = 'set backend = "sentence-transformers" for it'


def check(folder: ModelFolder) -> None:
    """Raise ``ModelError`` unless this module computes what the folder describes."""
    config = folder.config
    wanted = {
        "model_type": ("bert", config.get("model_type")),
        "hidden_act": ("gelu", config.get("hidden_act", "gelu")),
        "position_embedding_type": ("absolute", config.get("position_embedding_type", "absolute")),
        "is_decoder": (False, config.get("is_decoder", False)),
        "do_lower_case": (False, folder.lower_case),
    }
    for key, (would_do, found) in wanted.items():
        if found != would_do:
            raise ModelError(
                f"the openvino backend runs {key} {would_do!r}, but {folder.model!r} has {found!r}; {OTHER_BACKEND}"
            )
    if folder.pooling not in ("mean", "cls") or not folder.prompt_is_pooled:
        raise ModelError(
            f"the openvino backend pools by mean or cls over the whole input, "
            f"but {folder.model!r} pools by {folder.pooling}"
            f"{'' if folder.prompt_is_pooled else ' without the prompt'}; {OTHER_BACKEND}"
        )
    if folder.extra:
        kinds = ", ".join(kind for kind, _ in folder.extra)
        raise ModelError(f"{folder.model!r} has modules behind its pooling ({kinds}); {OTHER_BACKEND}")


def read_weights(path: Path, prefix: str = "bert.") -> Weights:
    """Read the tensors as float32, a leading ``prefix`` taken from their names."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, TypeError) as error:
        raise ModelError(f"{path} cannot be read as float32 or float16 safetensors: {error}") from None
    return {n.removeprefix(prefix): t.astype(np.float32, copy=False) for n, t in tensors.items() if t.dtype.kind == "f"}


def build(folder: ModelFolder, weights: Weights) -> Any:
    """Return the ``openvino.Model``: inputs ``ids`` int32 and ``mask`` float32, both of shape (batch, length)."""
    try:
        return _Graph(folder, weights).model()
    except KeyError as error:
        raise ModelError(f"{folder.weights} has no tensor {error}, which BERT needs; {OTHER_BACKEND}") from None


def import_openvino() -> Any:
    """Import openvino without its telemetry: by default each import reports to Google Analytics and writes ~/intel."""
    # None makes its import fail, for which openvino has a stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino


class Encoder:
    """The layers of a BERT; what goes in and what becomes of their output is another's.

    ``first_place`` is the row of the position embeddings that the first token has: RoBERTa's leave out some.
    """

    def __init__(self, weights: Weights, config: Mapping[str, Any], first_place: int = 0) -> None:
        self.ov = import_openvino()
        self.op = self.ov.opset15
        self.weights, self.first_place = weights, first_place
        self.used: set[str] = set()
        self.layers = int(config["num_hidden_layers"])
        self.heads = int(config["num_attention_heads"])
        self.hidden = int(config["hidden_size"])
        self.epsilon = float(config.get("layer_norm_eps", 1e-12))

    def encoded(self, ids: Node, mask: Node, segments: Node | None = None) -> Node:
        """(batch, length) int32 ids and float32 mask to (batch, length, hidden); without ``segments`` all are first."""
        op = self.op
        # 0 where a token is, far below where padding is: added to the attention scores.
        bias = op.multiply(op.subtract(op.constant(np.float32(1)), mask), op.constant(MASKED))
        bias = op.unsqueeze(bias, self.ints(1, 2))
        x = self.embeddings(ids, segments)
        for i in range(self.layers):
            x = self.layer(x, bias, f"encoder.layer.{i}.")
        return x

    def embeddings(self, ids: Node, segments: Node | None) -> Node:
        op = self.op
        length = op.gather(op.shape_of(ids), self.ints(1), self.scalar(0))
        words = op.gather(self.weight("embeddings.word_embeddings.weight"), ids, self.scalar(0))
        first = self.ints(self.first_place)
        table = self.weight("embeddings.position_embeddings.weight")
        places = op.slice(table, first, op.add(length, first), self.ints(1), self.ints(0))
        kinds = self.weight("embeddings.token_type_embeddings.weight")
        segment = op.gather(kinds, self.scalar(0) if segments is None else segments, self.scalar(0))
        return self.norm(op.add(op.add(words, places), segment), "embeddings.LayerNorm")

    def layer(self, x: Node, bias: Node, name: str) -> Node:
        op = self.op
        query, key, value = (self.split(self.dense(x, f"{name}attention.self.{n}")) for n in ("query", "key", "value"))
        attended = self.join(op.scaled_dot_product_attention(query, key, value, bias))
        x = self.norm(
            op.add(self.dense(attended, f"{name}attention.output.dense"), x), f"{name}attention.output.LayerNorm"
        )
        inner = op.gelu(self.dense(x, f"{name}intermediate.dense"), "erf")
        return self.norm(op.add(self.dense(inner, f"{name}output.dense"), x), f"{name}output.LayerNorm")

    def split(self, x: Node) -> Node:
        """(batch, length, hidden) to (batch, heads, length, hidden / heads)."""
        shape = self.ints(0, 0, self.heads, self.hidden // self.heads)
        return self.op.transpose(self.op.reshape(x, shape, True), self.ints(0, 2, 1, 3))

    def join(self, x: Node) -> Node:
        return self.op.reshape(self.op.transpose(x, self.ints(0, 2, 1, 3)), self.ints(0, 0, self.hidden), True)

    def dense(self, x: Node, name: str) -> Node:
        product = self.op.matmul(x, self.weight(f"{name}.weight"), False, True)
        return self.op.add(product, self.weight(f"{name}.bias"))

    def norm(self, x: Node, name: str) -> Node:
        centred = self.op.mvn(x, self.ints(-1), True, self.epsilon, "inside_sqrt")
        scaled = self.op.multiply(centred, self.weight(f"{name}.weight"))
        return self.op.add(scaled, self.weight(f"{name}.bias"))

    def weight(self, name: str) -> Node:
        self.used.add(name)
        return self.op.constant(self.weights[name], shared_memory=True)

    def scalar(self, value: int) -> Node:
        return self.op.constant(np.int64(value))

    def ints(self, *values: int) -> Node:
        return self.op.constant(np.array(values, dtype=np.int64))


class _Graph(Encoder):
    def __init__(self, folder: ModelFolder, weights: Weights) -> None:
        super().__init__(weights, folder.config)
        self.pooling = folder.pooling

    def model(self) -> Any:
        op = self.op
        ids = op.parameter([-1, -1], np.int32, "ids")
        mask = op.parameter([-1, -1], np.float32, "mask")
        x = self.encoded(ids, mask)
        pooled = self.mean(x, mask) if self.pooling == "mean" else op.gather(x, self.scalar(0), self.scalar(1))
        return self.ov.Model([op.normalize_l2(pooled, self.ints(1), 1e-12, "max")], [ids, mask], "bert")

    def mean(self, x: Node, mask: Node) -> Node:
        op = self.op
        weight = op.unsqueeze(mask, self.ints(2))
        return op.divide(
            op.reduce_sum(op.multiply(x, weight), self.ints(1)),
            op.reduce_sum(weight, self.ints(1)),
        )
