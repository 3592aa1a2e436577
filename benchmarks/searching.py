"""Hybrid search with principals and release filter, beside LanceDB's own query on the same table."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import corpus
from benchmarks.bench import Bench, Page, row

SIZES, SECTIONS = (2_000, 10_000), 10
QUESTIONS, ROUNDS = 30, 4
K = 10
READER = ("team:1", "team:3", "team:5")
"""Reads the public half and three of the ten teams that keep theirs to themselves: 13 of 20 documents."""
PENSTOCK, BARE, DEEP = "penstock: rights, release", "LanceDB, no filter", "LanceDB, no filter, 100 candidates"
WHOLE = "`penstock search`: embed the question, search, cite"


def measure(platform: Any, _home: Path) -> dict[str, Any]:
    """Milliseconds of each query, every one asked in turn of each contender; the first round warms all of them."""
    import lancedb
    from lancedb.rerankers import RRFReranker
    from sqlalchemy import select

    from penstock import manifest, retrieval
    from penstock.catalog.schema import generations
    from penstock.records import Query

    with platform.catalog.read() as connection:
        live, _ = manifest.pointer(connection, corpus.INDEX)
        name = connection.execute(select(generations.c.collection)).scalar_one()
    embedder = platform.embedder(platform.settings.index(corpus.INDEX).embedder)
    database, reranker = lancedb.connect(platform.settings.index_url), RRFReranker()

    def bare(text: str, vector: Any, candidates: int) -> Any:
        query = database.open_table(name).search(query_type="hybrid", vector_column_name="vector", fts_columns="text")
        query = query.vector(vector).text(text).distance_type("dot").rerank(reranker)
        return query.limit(candidates).to_arrow().slice(0, K).to_pylist()

    def ours(text: str, vector: Any) -> Any:
        return platform.collection(name).search(Query(text, vector.tolist(), live, READER, k=K))

    contenders: dict[str, Callable[[str, Any], Any]] = {
        PENSTOCK: ours,
        BARE: lambda text, vector: bare(text, vector, K),
        DEEP: lambda text, vector: bare(text, vector, 100),
        WHOLE: lambda text, _: retrieval.search(platform, corpus.INDEX, text, principals=READER, k=K),
    }
    asked = [(text, embedder.embed_query(text)) for text in corpus.questions(QUESTIONS)]
    times: dict[str, list[float]] = {one: [] for one in contenders}
    for nth in range(ROUNDS + 1):
        for text, vector in asked:
            for one, search in contenders.items():
                begun = time.perf_counter()
                search(text, vector)
                if nth:
                    times[one].append(1000 * (time.perf_counter() - begun))
    return {"times": times, "rows": database.open_table(name).count_rows()}


def part(bench: Bench) -> Page:
    homes = [bench.made(documents, SECTIONS)[0] for documents in SIZES]
    runs = [bench.on_made("searching", home) for home in homes]
    yield from ("", "## Hybrid search with rights and release", "")
    yield (
        f"{K} rows of {QUESTIONS} questions, {ROUNDS} rounds, the contenders in turn; milliseconds, medians. LanceDB's "
        "is its own hybrid query with reciprocal rank fusion, on the same table with the same search structures, and "
        "returns whole rows; it ranks as many candidates as rows are asked for, we rank 100 of each kind. The mark is "
        "1.3 times."
    )
    yield from ("", row("", *(f"{one['rows']:,} chunks" for one in runs)), "|---|---|---|")
    middles = [{name: median(times) for name, times in one["times"].items()} for one in runs]
    for name in middles[0]:
        yield row(name, *(f"{middle[name]:.1f}" for middle in middles))
    for name in (BARE, DEEP):
        yield row(f"penstock / {name}", *(f"**{middle[PENSTOCK] / middle[name]:.2f}**" for middle in middles))
