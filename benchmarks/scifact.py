"""4, second half: does the embedder retrieve as well as its model should? nDCG@10 on SciFact's test queries.

    python -m benchmarks.scifact

5,183 abstracts (title and text, cut at the model's 256 tokens), 300 queries, exact search by dot product. nDCG with
binary gains after Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
"""

from __future__ import annotations

import csv
import json
import math
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.replay import data_folder

DATA = "ir/scifact"
DEPTH = 10


def measure(folder: Path) -> dict[str, Any]:
    from penstock.embedding import open_embedder
    from penstock.settings import EmbedderSettings

    embedder = open_embedder(EmbedderSettings())
    corpus, asked, relevant = lines(folder / "corpus.jsonl"), lines(folder / "queries.jsonl"), qrels(folder)
    queries = [one for one in asked if one["_id"] in relevant]
    begun = time.perf_counter()
    documents = embedder.embed_documents([f"{one['title']} {one['text']}" for one in corpus])
    seconds = time.perf_counter() - begun
    scores = np.stack([embedder.embed_query(one["text"]) for one in queries]) @ documents.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    found = [
        ndcg([corpus[nth]["_id"] for nth in ranked], relevant[query["_id"]])
        for query, ranked in zip(queries, best, strict=True)
    ]
    facts = {"runtime": dict(embedder.runtime), "documents": len(corpus), "queries": len(queries)}
    return {"ndcg": sum(found) / len(found), "seconds": seconds, **facts}


def ndcg(ranked: list[str], relevant: set[str]) -> float:
    """Of 1: the discounted gain of a ranking against that of the best possible one."""
    gain = sum(1 / math.log2(place + 1) for place, name in enumerate(ranked, start=1) if name in relevant)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(relevant), DEPTH) + 1))
    return gain / best


def lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def qrels(folder: Path) -> dict[str, set[str]]:
    """Query → the documents that answer it, of the test split."""
    found: dict[str, set[str]] = defaultdict(set)
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file, delimiter="\t"):
            if int(line["score"]) > 0:
                found[line["query-id"]].add(line["corpus-id"])
    return found


def part(_bench: Bench) -> Page:
    result = measured("scifact", [sys.executable, "-m", "benchmarks.scifact"])
    runtime = f"{result['runtime']['library']} {result['runtime']['precision']}"
    yield from ("", "## 4b. Retrieval with the default model", "")
    texts = f"{result['documents']:,} abstracts, {result['queries']} test queries"
    yield f"SciFact: {texts}, exact search. The mark is 0.643."
    yield from ("", "| runtime | nDCG@10 | abstracts a second |", "|---|---|---|")
    yield row(runtime, f"**{result['ndcg']:.4f}**", f"{result['documents'] / result['seconds']:.0f}")


if __name__ == "__main__":
    print(json.dumps(measure(data_folder() / DATA)))
