"""An embedder on either backend. The imports of torch take seconds: they are paid here and in no unit test."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from penstock.embedding import open_embedder
from penstock.settings import EmbedderSettings

REFERENCE = json.loads((Path(__file__).parents[1] / "golden" / "default_vectors.json").read_text(encoding="utf-8"))


def test_both_backends_make_the_same_vectors_under_the_same_name() -> None:
    pytest.importorskip("sentence_transformers", reason="the extra `train` is not installed")
    default = open_embedder(EmbedderSettings())
    other = open_embedder(EmbedderSettings(backend="sentence-transformers"))
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
