"""Embedders without torch that know some words and not others: champion and challenger of a test, made in milliseconds.

A BERT whose layers do nothing: what comes out of it is the mean of its word vectors. Words that a model does not know
apart have one vector, so that it cannot tell the documents that they stand in.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from penstock.decisions import Who
from penstock.ids import document_id, hash_of
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.trained import Training, keep
from penstock.training import sets
from penstock.training.examples import AnyExample, EmbedderExample, Graded, RerankerExample, content_id
from penstock.training.splits import Split
from support.workspace import Workspace

WHO = Who("ann", "cli")
HIDDEN, PLACES = 64, 128
THINGS = [f"thing{n}" for n in range(40)]
"""Each stands in one document; a question names one."""
MARKS = [f"mark{n}" for n in range(40)]
"""One in each document and in no question, so that no two documents have one vector."""
COMMON = "the what is of a in who where does stand it about page and".split()  # noqa: SIM905
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def model(path: Path, unknown: Collection[str] = (), seed: int = 0) -> Path:
    """Write a model that confuses the ``unknown`` words; two of different seeds differ in their vectors only."""
    (path / "1_Pooling").mkdir(parents=True)
    words = [*SPECIAL, *COMMON, *MARKS, *THINGS]
    random = np.random.default_rng(seed)
    table = random.normal(size=(len(words), HIDDEN)).astype(np.float32)
    table[: len(SPECIAL) + len(COMMON)] *= 0.05
    table[len(SPECIAL) + len(COMMON) : -len(THINGS)] *= 0.3
    same = [words.index(word) for word in unknown]
    table[same] = table[len(words) - 1] if same else table[same]
    save_file(_weights(table), path / "model.safetensors")
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(path / "tokenizer.json"))
    for name, content in (
        ("config.json", CONFIG),
        ("modules.json", MODULES),
        ("1_Pooling/config.json", {"pooling_mode": "mean"}),
    ):
        (path / name).write_text(json.dumps(content), encoding="utf-8")
    return path


CONFIG = {
    "model_type": "bert",
    "hidden_size": HIDDEN,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "hidden_act": "gelu",
    "layer_norm_eps": 1.0,  # or else each word would weigh the same
    "max_position_embeddings": PLACES,
}
MODULES = [
    {"idx": n, "name": str(n), "path": path, "type": f"x.y.{kind}"}
    for n, (kind, path) in enumerate((("Transformer", ""), ("Pooling", "1_Pooling")))
]


def _weights(table: np.ndarray) -> dict[str, np.ndarray]:
    zeros, layer = np.zeros, "encoder.layer.0."
    found = {
        "embeddings.word_embeddings.weight": table,
        "embeddings.position_embeddings.weight": zeros((PLACES, HIDDEN)),
        "embeddings.token_type_embeddings.weight": zeros((2, HIDDEN)),
    }
    for name in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        found |= {f"{layer}{name}.weight": zeros((HIDDEN, HIDDEN)), f"{layer}{name}.bias": zeros(HIDDEN)}
    found |= {f"{layer}intermediate.dense.weight": zeros((2 * HIDDEN, HIDDEN))}
    found |= {f"{layer}intermediate.dense.bias": zeros(2 * HIDDEN)}
    found |= {f"{layer}output.dense.weight": zeros((HIDDEN, 2 * HIDDEN)), f"{layer}output.dense.bias": zeros(HIDDEN)}
    for name in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        found |= {f"{name}.weight": np.ones(HIDDEN), f"{name}.bias": zeros(HIDDEN)}
    return {name: value.astype(np.float32) for name, value in found.items()}


def fill(w: Workspace) -> None:
    """A document for each thing."""
    for thing, mark in zip(THINGS, MARKS, strict=True):
        w.write(f"{thing}.md", f"# Page\n\nThe page is about {thing} and it does stand in a page of {mark}.")


def configure(w: Workspace, base: Path, gate: dict[str, object] | None = None) -> None:
    """An index whose embedder is ``base``, searched by vectors alone, with a test set's worth of examples."""
    index = w.settings.indexes["main"]
    w.change_index(
        embedder=index.embedder.model_copy(update={"backend": "openvino", "model": str(base), "precision": "float32"}),
        chunker=index.chunker.model_copy(update={"max_tokens": 100}),
        retrieval=index.retrieval.model_copy(update={"mode": "vector"}),
        training=index.training.model_copy(
            update={
                "gate": index.training.gate.model_copy(
                    update={"min_test_examples": 20, "max_latency_ratio": 50.0, **(gate or {})}
                )
            }
        ),
    )


def freeze(w: Workspace, purpose: Purpose = Purpose.EMBEDDER, split: Split = Split.TEST) -> str:
    """A training set with a question about each thing; return its id."""
    examples: list[AnyExample] = [_example(purpose, thing, split) for thing in THINGS]
    return sets.freeze(w.platform, "main", purpose, 1, examples, {}, {"needed": 1}).id


def _example(purpose: Purpose, thing: str, split: Split) -> AnyExample:
    document, query = document_id("docs", f"{thing}.md"), f"what is {thing}"
    common = {
        "question": hash_of(query)[:32],
        "query": query,
        "group": thing,
        "split": split,
        "weight": 1.0,
        "source": "docs",
        "language": "",
        "release": 1,
        "interactions": (),
        "feedback": (),
        "documents": (document,),
        "chunks": (),
    }
    own: dict[str, object] = {"positive": thing, "negatives": (), "relevant": {document: 1}}
    if purpose is Purpose.RERANKER:
        own = {"passages": (Graded(thing, 1.0), Graded("a page", 0.0))}
    kind = EmbedderExample if purpose is Purpose.EMBEDDER else RerankerExample
    return kind(id=content_id(purpose, {**common, **own}), **common, **own)  # type: ignore[arg-type]


def keep_model(
    platform: Platform, folder: Path, base: Path | str, set_id: str, purpose: Purpose = Purpose.EMBEDDER
) -> str:
    return keep(platform, "main", purpose, folder, Training(str(base), set_id, {}, {}))
