"""The other backend, on the same folders. Its imports take seconds: they are paid here and nowhere else."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from penstock.embedding import Embedder, open_embedder
from penstock.errors import ModelError
from penstock.settings import EmbedderSettings

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))
OTHER = EmbedderSettings(backend="sentence-transformers")

needs_torch = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None, reason="the train extra is not installed"
)


@needs_torch
def test_both_backends_make_the_same_vectors_under_the_same_name(default: Embedder, make_model: Any) -> None:
    other = open_embedder(OTHER)
    assert (other.fingerprint, other.dimension, other.max_tokens) == (
        default.fingerprint,
        default.dimension,
        default.max_tokens,
    )
    vectors = other.embed_documents(REFERENCE["texts"])
    assert (vectors * np.array(REFERENCE["vectors"])).sum(axis=1).min() >= 0.99999
    assert (vectors * default.embed_documents(REFERENCE["texts"])).sum(axis=1).min() >= 0.9999
    assert other.embed_query("gate") @ default.embed_query("gate") >= 0.9999
    assert other.embed_documents([]).shape == (0, other.dimension)


def test_where_it_is_not_installed_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModelError) as refused:
        open_embedder(OTHER)
    assert str(refused.value) == (
        'backend = "sentence-transformers" is not installed (import of sentence_transformers halted; None in '
        "sys.modules); run `pip install penstock[train]`"
    )


def test_it_has_one_precision() -> None:
    with pytest.raises(ModelError) as refused:
        open_embedder(OTHER.model_copy(update={"precision": "bfloat16"}))
    assert str(refused.value) == 'backend = "sentence-transformers" runs in float32; set precision = "auto"'
