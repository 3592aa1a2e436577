from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from penstock.catalog import Catalog
from penstock.embedding.base import Vectors
from penstock.embedding.cache import EmbeddingQueue, Made, VectorCache, text_hash
from penstock.embedding.hashing import HashingEmbedder
from penstock.errors import ModelError
from penstock.lake import Lake
from penstock.settings import EmbedderSettings

SETTINGS = EmbedderSettings(backend="hashing")


class Recording(HashingEmbedder):
    """Notes what it is asked for, and answers nonsense where a text says so."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.asked: list[str] = []

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        vectors = super().embed_documents(texts)
        if "nonsense" in texts:
            vectors[list(texts).index("nonsense")] = np.nan
        return vectors


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.db'}")
    return VectorCache(catalog, Lake(str(tmp_path / "lake")), HashingEmbedder(SETTINGS).fingerprint)


def hashed(*texts: str) -> dict[str, str]:
    return {text_hash(text): text for text in texts}


def test_a_text_is_embedded_once_whoever_brings_it_and_in_whatever_batch(cache: VectorCache) -> None:
    embedder = Recording()
    cache.embed(hashed("known before"), embedder, run_id=1)
    texts = [f"text {n}" for n in range(2000)]
    with EmbeddingQueue(cache, embedder, run_id=2) as queue:
        for n in range(0, 2000, 7):
            queue.add(hashed(*texts[n : n + 9], "in every document", "known before"))
    assert sorted(embedder.asked) == sorted(["known before", *texts, "in every document"])
    assert (queue.embedded, queue.distinct) == (2001, 2002)
    made_by = [cache.made(pack) for pack, _row in cache.places(hashed(*texts)).values()]
    assert made_by == [Made(2, embedder.runtime)] * 2000
    np.testing.assert_array_equal(cache.get([text_hash(texts[1234])])[0], embedder.embed_query(texts[1234]))


def test_what_an_embedder_gets_wrong_is_raised_and_never_kept(cache: VectorCache) -> None:
    with EmbeddingQueue(cache, Recording(), run_id=2) as queue:
        queue.add(hashed("sense"))
        queue.finish()
        queue.add(hashed("nonsense"))
        with pytest.raises(ModelError) as error:
            queue.finish()
    assert str(error.value) == "the embedder returned vectors of length nan to nan, not 1"
    assert set(cache.missing(hashed("sense", "nonsense")).values()) == {"nonsense"}


class OneByOne(HashingEmbedder):
    """Embeds each text by itself, as a paid API might; a text that says so waits, or fails once the other is done."""

    def __init__(self) -> None:
        super().__init__(SETTINGS)
        self.done = threading.Event()

    def batches(self, texts: Sequence[str]) -> list[slice]:
        return [slice(n, n + 1) for n in range(len(texts))]

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        if texts == ["fails"]:
            assert self.done.wait(60)
            raise ModelError("no more of this")
        vectors = super().embed_documents(texts)
        self.done.set()
        return vectors


def test_what_was_paid_for_beside_a_failure_is_kept(cache: VectorCache) -> None:
    with pytest.raises(ModelError, match="no more of this"), EmbeddingQueue(cache, OneByOne(), run_id=2) as queue:
        queue.add(hashed("fails", "paid for"))
    assert set(cache.missing(hashed("fails", "paid for")).values()) == {"fails"}
    with pytest.raises(ModelError, match="no more of this"):
        cache.embed(hashed("first", "fails", "never asked"), OneByOne(), run_id=3)
    assert set(cache.missing(hashed("first", "fails", "never asked")).values()) == {"fails", "never asked"}
