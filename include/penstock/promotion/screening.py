"""A cheap look at an embedder before an index is built with it: the test questions against their pooled passages.

The pool holds the documents that answer a question and those that the champion finds for one, so that it is small and
hard. Both embedders rank it exactly; a challenger that loses here by all that luck allows is worth no index.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from penstock import chunking
from penstock.embedding.base import Embedder, Vectors
from penstock.embedding.cache import VectorCache, text_hash
from penstock.evaluation import asking, measures
from penstock.evaluation.asking import Side
from penstock.index.base import VectorIndex
from penstock.platform import Platform
from penstock.promotion.questions import TestSet
from penstock.recipe import Recipe

POOLED = 20
"""Documents that the champion finds for a question."""
DEPTH = 100


def pool(platform: Platform, index: str, side: Side, test: TestSet) -> set[str]:
    """Ids of the pooled documents."""
    found = asking.ask(platform, index, side, test.questions.questions, lenient=True)
    wanted = {document for one in test.questions.questions for document in one.answers}
    return wanted | {document for answer in found.values() for document in answer.documents[:POOLED]}


def passages(collection: VectorIndex, release: int, recipe: Recipe, documents: Iterable[str]) -> list[tuple[str, str]]:
    """Document id and text, as it is embedded, of every chunk."""
    rows = collection.document_rows(sorted(documents), release)
    return [(row.document_id, chunking.embedding_text(row, recipe.chunker)) for row in rows]


def screen(
    platform: Platform, embedder: Embedder, run_id: int, pooled: Sequence[tuple[str, str]], test: TestSet
) -> dict[str, float]:
    """Question → nDCG@10 of the pool ranked by one embedder. What it embeds is kept: the index is made of it."""
    cache = VectorCache(platform.catalog, platform.lake, embedder.fingerprint)
    texts = {text_hash(text): text for _document, text in pooled}
    cache.embed(texts, embedder, run_id)
    vectors = cache.get([text_hash(text) for _document, text in pooled])
    names = [document for document, _text in pooled]
    held = set(names)
    relevant = {
        one.id: kept
        for one in test.questions.questions
        if (kept := {document: grade for document, grade in one.answers.items() if document in held})
    }
    asked = {one.id: embedder.embed_query(one.text) for one in test.questions.questions if one.id in relevant}
    return main(relevant, {id_: ranked(vector, vectors, names) for id_, vector in asked.items()})


def ranked(query: Vectors, vectors: Vectors, names: Sequence[str]) -> list[str]:
    """Documents in the order of their best passage, exactly; ties by place."""
    order = np.argsort(-(vectors @ query), kind="stable")
    return list(dict.fromkeys(names[place] for place in order))[:DEPTH]


def main(relevant: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Question → nDCG@10."""
    return {id_: values[measures.MAIN] for id_, values in measures.by_question(relevant, rankings).items()}
