"""A BERT of 2 layers and 16 numbers, written to a folder in milliseconds, and the default model opened once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from penstock.embedding import Embedder, open_embedder
from penstock.settings import EmbedderSettings

HIDDEN, INNER, LAYERS, PLACES = 16, 32, 2, 12
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "water", "turbine", "gate", "pipe"]
CONFIG: dict[str, Any] = {
    "model_type": "bert",
    "hidden_size": HIDDEN,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": PLACES,
}

MakeModel = Callable[..., Path]


@pytest.fixture(scope="session")
def default() -> Embedder:
    return open_embedder(EmbedderSettings())


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Write a small model folder; the arguments change what the files say."""

    def make(
        path: Path = tmp_path / "model",
        config: dict[str, Any] | None = None,
        pooling: dict[str, Any] | None = None,
        modules: tuple[tuple[str, str], ...] = (("Transformer", ""), ("Pooling", "1_Pooling")),
        prefix: str = "",
        seed: int = 0,
    ) -> Path:
        (path / "1_Pooling").mkdir(parents=True)
        save_file({prefix + name: value for name, value in _weights(seed).items()}, path / "model.safetensors")
        _tokenizer().save(str(path / "tokenizer.json"))
        listed = [{"idx": i, "name": str(i), "path": p, "type": f"x.y.{kind}"} for i, (kind, p) in enumerate(modules)]
        for name, content in (
            ("config.json", {**CONFIG, **(config or {})}),
            ("modules.json", listed),
            ("1_Pooling/config.json", pooling or {"pooling_mode": "mean"}),
        ):
            (path / name).write_text(json.dumps(content), encoding="utf-8")
        return path

    return make


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer


def _weights(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": (PLACES, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
    }
    dense = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (INNER, HIDDEN),
        "output.dense": (HIDDEN, INNER),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
        for name, shape in dense.items():
            shapes[f"{layer}{name}.weight"] = shape
            shapes[f"{layer}{name}.bias"] = shape[:1]
    for name in norms:
        shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (HIDDEN,)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
