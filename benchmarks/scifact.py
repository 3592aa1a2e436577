"""Does the embedder retrieve as well as its model should? nDCG@10 on SciFact's test queries.

    python -m benchmarks.scifact

5,183 abstracts (title and text, cut at the model's 256 tokens), 300 queries, exact search by dot product: the model
alone, without chunks. What the defaults of an index find is ``retrieval``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.replay import data_folder

DATA = "ir/scifact"
DEPTH = 10


def measure(folder: Path, settings: Any = None) -> dict[str, Any]:
    """``settings`` are an embedder's; the default one's unless they are named."""
    from penstock import evaluation
    from penstock.embedding import open_embedder
    from penstock.evaluation import measures as figures
    from penstock.settings import EmbedderSettings

    embedder = open_embedder(settings or EmbedderSettings())
    corpus, queries = lines(folder / "corpus.jsonl"), evaluation.read(folder, "test").questions
    begun = time.perf_counter()
    documents = embedder.embed_documents([f"{one['title']} {one['text']}" for one in corpus])
    seconds = time.perf_counter() - begun
    scores = np.stack([embedder.embed_query(one.text) for one in queries]) @ documents.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    ranked = {one.id: [corpus[nth]["_id"] for nth in nths] for one, nths in zip(queries, best, strict=True)}
    found = figures.by_question({one.id: one.answers for one in queries}, ranked)
    ndcg = sum(values["nDCG@10"] for values in found.values()) / len(found)
    facts = {"runtime": dict(embedder.runtime), "documents": len(corpus), "queries": len(queries)}
    return {"ndcg": ndcg, "seconds": seconds, **facts}


def lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def part(_bench: Bench) -> Page:
    result = measured("scifact", [sys.executable, "-m", "benchmarks.scifact"])
    runtime = f"{result['runtime']['library']} {result['runtime']['precision']}"
    yield from ("", "## Retrieval with the default model", "")
    texts = f"{result['documents']:,} abstracts, {result['queries']} test queries"
    yield f"SciFact: {texts}, exact search. The mark is 0.643."
    yield from ("", "| runtime | nDCG@10 | abstracts a second |", "|---|---|---|")
    yield row(runtime, f"**{result['ndcg']:.4f}**", f"{result['documents'] / result['seconds']:.0f}")


if __name__ == "__main__":
    print(json.dumps(measure(data_folder() / DATA)))
