from __future__ import annotations

import numpy as np

from penstock.embedding import embedder_fingerprint, open_embedder
from penstock.settings import EmbedderSettings

SETTINGS = EmbedderSettings(backend="hashing")


def test_it_is_deterministic_normalised_and_feels_shared_words() -> None:
    embedder = open_embedder(SETTINGS)
    vectors = embedder.embed_documents(["the gate is open", "The gate is shut", "quarterly revenue rose", "", "\ud800"])
    assert (vectors.dtype, vectors.shape) == (np.float32, (5, 256))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.4 > abs(vectors[0] @ vectors[2])
    np.testing.assert_array_equal(embedder.embed_query("the gate is open"), vectors[0])
    assert embedder.embed_documents([]).shape == (0, 256)
    assert int(np.flatnonzero(vectors[3])[0]) == 18  # the same on every machine


def test_spans_are_words() -> None:
    assert open_embedder(SETTINGS).tokenizer.spans(["Open it!"]) == [[(0, 4), (5, 7), (7, 8)]]


def test_prompts_are_in_the_fingerprint_and_in_the_vector() -> None:
    prompted = SETTINGS.model_copy(update={"query_prompt": "query: "})
    assert embedder_fingerprint(prompted) != embedder_fingerprint(SETTINGS) == open_embedder(SETTINGS).fingerprint
    assert (open_embedder(prompted).embed_query("a") != open_embedder(SETTINGS).embed_query("a")).any()
