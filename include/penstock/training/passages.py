"""The passages of a training set: rows of one release, as texts and as vectors, and how near they are to a question.

Texts are what the index embeds; their vectors are those that it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.batching import batched
from penstock.chunking import embedding_text
from penstock.embedding.base import Embedder, Vectors
from penstock.embedding.cache import VectorCache, embed_checked, text_hash
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import IndexRow
from penstock.retrieval.pipeline import put_forward
from penstock.retrieval.trace import Trace
from penstock.training.gathering import Asked, Judgement

DEEP = 50
"""Candidates of a question that are looked at for what does not answer it."""


@dataclass
class Library:
    """One release of an index, as examples are made from it. ``named`` are rows that somebody spoke of, by chunk id."""

    platform: Platform
    index: str
    release: Row[Any]
    recipe: Recipe
    embedder: Embedder
    rows: dict[str, list[IndexRow]] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    _vectors: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def live(cls, platform: Platform, index: str) -> Library:
        """Of the release that readers see. Raises ``NothingPublishedError``."""
        with platform.catalog.read() as connection:
            release = manifest.opened(connection, index, None)
        recipe = Recipe.of_generation(platform.settings, release)
        return cls(platform, index, release, recipe, platform.embedder(recipe.embedder))

    @property
    def number(self) -> int:
        return int(self.release.number)

    def text(self, row: IndexRow) -> str:
        return embedding_text(row, self.recipe.chunker)

    def load(self, documents: Collection[str], chunks: Iterable[str] = ()) -> None:
        """Read the rows of documents, and the texts of chunks, of whatever release these are."""
        collection = self.platform.collection(self.release.collection)
        for batch in batched(sorted(set(documents) - self.rows.keys())):
            self.rows |= {document: [] for document in batch}
            for row in collection.document_rows(batch, self.number):
                self.rows[row.document_id].append(row)
        for batch in batched(sorted(set(chunks) - self.named.keys())):
            for _generation, standing in self.platform.collections(self.index):
                self.named |= {row.id: row.text for row in standing.get(batch)}

    def row_of(self, document: str) -> IndexRow:
        """Any row of a document that a search found."""
        self.load([document])
        return self.rows[document][0]

    def candidates(self, one: Asked, principals: tuple[str, ...]) -> list[IndexRow]:
        """What the index's own search puts forward, best first."""
        settings = self.platform.settings.index(self.index).retrieval
        asked = (self.release, self.recipe, one.query, principals, one.where or None, DEEP, settings, Trace())
        return [hit.row for hit in put_forward(self.platform, *asked)]

    def embed(self, texts: Iterable[str]) -> None:
        """Have the vectors of these texts at hand: those that the index has, and the others made now."""
        wanted = {text_hash(text): text for text in texts}
        wanted = {name: text for name, text in wanted.items() if text not in self._vectors}
        cache = VectorCache(self.platform.catalog, self.platform.lake, self.embedder.fingerprint)
        known = sorted(cache.places(wanted))
        missing = sorted(wanted.keys() - set(known))
        for names, vectors in (
            (known, cache.get(known) if known else ()),
            (missing, embed_checked([wanted[name] for name in missing], self.embedder) if missing else ()),
        ):
            self._vectors |= {wanted[name]: vector for name, vector in zip(names, vectors, strict=True)}

    def question(self, text: str) -> Vectors:
        return self.embedder.embed_query(text)

    def near(self, question: Vectors, text: str) -> float:
        """Cosine of a question and a text that ``embed`` was given."""
        return float(np.dot(question, self._vectors[text]))

    def best(self, question: Vectors, judgement: Judgement) -> IndexRow | None:
        """The row of a document that a judgement is about: the one that was named, or the nearest to the question.

        None where the release does not serve the document.
        """
        rows = self.rows.get(judgement.document, [])
        if not rows:
            return None
        chunks = [one["chunk_id"] for one in judgement.said if one["chunk_id"]]
        spoken_of = {*chunks, *(self.named[one] for one in chunks if one in self.named)}
        mine = [row for row in rows if row.id in spoken_of or row.text in spoken_of] or rows
        return max(mine, key=lambda row: (self.near(question, self.text(row)), row.id))


def chunks_named(asked: Iterable[Asked]) -> set[str]:
    """Ids of the passages that somebody spoke of."""
    said = (said for one in asked for judgement in one.judgements for said in judgement.said)
    return {one["chunk_id"] for one in said if one["chunk_id"]}


def documents_of(asked: Iterable[Asked]) -> set[str]:
    return {judgement.document for one in asked for judgement in one.judgements}
