"""A Weaviate server through penstock, beside the bare client on the same server: loading, searching, publishing.

    python -m benchmarks.weaviate [--only loading,searching,publishing] [--rows N] [--published N]

Needs a running server: ``PENSTOCK_TEST_WEAVIATE_URL`` names it, as for the tests. Each pair is measured in turns, so
that what else the machine does hits both. What it makes there has a prefix of its own and is taken away again.
"""

from __future__ import annotations

import argparse
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from benchmarks.bench import row as line

DIMENSION, BATCH, K = 384, 4_000, 10
WORDS, WORDS_EACH = 4_000, 120
QUESTIONS, ROUNDS, MOVES = 30, 4, 12
READER = ("team:1", "team:3", "team:5", "public")
TEAMS = 10
SETTLE_S = 15
"""After a load the server goes on folding its files for a while, which is no part of a search."""
PARTS = ("loading", "searching", "publishing")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="some of: %(default)s; searching loads first")
    parser.add_argument("--rows", type=int, default=20_000, help="rows to load and to search")
    parser.add_argument("--published", type=int, default=100_000, help="chunks of the index that is published")
    arguments = parser.parse_args()
    parts = arguments.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    with _server() as server:
        print(f"Weaviate {server.client.get_meta()['version']}")
        if {"loading", "searching"} & set(parts):
            bare = server.settings.prefix + "bare"
            index = _loaded(server, bare, list(_rows(arguments.rows)))
            if "searching" in parts:
                _searched(server, bare, index)
        if "publishing" in parts:
            _moved(server, arguments.published)


@contextmanager
def _server() -> Iterator[Any]:
    from penstock.index.weaviate_server import Server
    from penstock.settings import WeaviateSettings

    url = os.environ.get("PENSTOCK_TEST_WEAVIATE_URL", "http://localhost:8080")
    grpc = os.environ.get("PENSTOCK_TEST_WEAVIATE_GRPC") or f"grpc://{urlsplit(url).hostname}:50051"
    server = Server(WeaviateSettings(http=url, grpc=grpc, prefix=f"Bench{secrets.token_hex(4)}_"))
    try:
        yield server
    finally:
        for alias in server.client.alias.list_all():
            if alias.startswith(server.settings.prefix):
                server.client.alias.delete(alias_name=alias)
        for name in server.client.collections.list_all(simple=True):
            if name.startswith(server.settings.prefix):
                server.client.collections.delete(name)
        server.close()


def _rows(count: int) -> Iterator[Any]:
    from penstock.ids import document_id, hash_of, row_id
    from penstock.records import OPEN_END, IndexRow

    random = np.random.default_rng(7)
    for n in range(count):
        vector = random.normal(size=DIMENSION).astype(np.float32)
        text = " ".join(f"word{one}" for one in random.zipf(1.3, WORDS_EACH) % WORDS)
        document, content = document_id("made", f"doc-{n}"), hash_of(text)
        yield IndexRow(
            id=row_id("bench", document, content, 0, 1),
            document_id=document,
            source="made",
            key=f"doc-{n}",
            title=f"Document {n}",
            text=text,
            headings=("Made",),
            kind="text",
            content=content,
            nth=0,
            fields={},
            principals=("public",) if n % 2 else (f"team:{n % TEAMS}",),
            added_in=1,
            removed_in=OPEN_END,
            vector=(vector / np.linalg.norm(vector)).tolist(),
        )


def _loaded(server: Any, bare: str, rows: Sequence[Any]) -> Any:
    """Load the same rows into two collections of the same shape, batch by batch in turns."""
    from penstock.index import weaviate_schema as schema
    from penstock.index.weaviate import WeaviateIndex
    from penstock.index.weaviate_rows import to_object

    schema.create(server.client, bare, DIMENSION, (), server.settings)
    index = WeaviateIndex(server, "bench")
    index.create(DIMENSION, ())
    writer, beside = index.writer(), server.client.collections.use(bare)
    spent = {"bare client": 0.0, "penstock": 0.0}
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        objects = [to_object(row, {}) for row in batch]
        turns: list[tuple[str, Callable[[], Any]]] = [
            ("bare client", lambda objects=objects: _inserted(beside, objects)),
            ("penstock", lambda batch=batch: writer.add(batch)),
        ]
        for name, load in turns if (start // BATCH) % 2 else reversed(turns):
            spent[name] += _seconds(load)
    rates = {name: len(rows) / seconds for name, seconds in spent.items()}
    print(
        line(f"loading {len(rows):,} × {DIMENSION}", "rows/s", *(f"{name} {rate:.0f}" for name, rate in rates.items()))
    )
    print(line("", "of its rate (mark 0.9)", f"**{rates['penstock'] / rates['bare client']:.2f}**"))
    return index


def _inserted(collection: Any, objects: Sequence[Any]) -> None:
    """By the client's own call, in requests of the size that penstock sends."""
    from penstock.index.weaviate_writing import ROWS_AT_ONCE

    for start in range(0, len(objects), ROWS_AT_ONCE):
        answer = collection.data.insert_many(objects[start : start + ROWS_AT_ONCE])
        assert not answer.has_errors


def _searched(server: Any, bare: str, index: Any) -> None:
    """The same questions of both: with rights and release through penstock, with no filter through the client."""
    from penstock.records import Query

    time.sleep(SETTLE_S)
    random = np.random.default_rng(11)
    beside = server.client.collections.use(bare)
    times: dict[str, list[float]] = {"bare hybrid": [], "penstock: rights, release": []}
    for nth in range(ROUNDS + 1):
        for question in range(QUESTIONS):
            vector = random.normal(size=DIMENSION)
            vector = (vector / np.linalg.norm(vector)).tolist()
            text = " ".join(f"word{one}" for one in random.integers(3, WORDS, 6))
            asked: dict[str, Callable[[], Any]] = {
                "bare hybrid": lambda t=text, v=vector: beside.query.hybrid(
                    t, vector=v, limit=K, query_properties=["text"]
                ),
                "penstock: rights, release": lambda t=text, v=vector: index.search(Query(t, v, 1, READER, k=K)),
            }
            # Who asks first finds what the question needs still on disk, so they take turns.
            for name, ask in asked.items() if question % 2 else reversed(asked.items()):
                seconds = _seconds(ask)
                if nth:
                    times[name].append(1000 * seconds)
    middle = {name: median(found) for name, found in times.items()}
    print(line("hybrid search", "ms", *(f"{name} {ms:.1f}" for name, ms in middle.items())))
    print(line("", "times (mark 1.3)", f"**{middle['penstock: rights, release'] / middle['bare hybrid']:.2f}**"))


def _moved(server: Any, chunks: int) -> None:
    """Publish and roll back a made index of so many chunks, synced by the hashing embedder."""
    from benchmarks import corpus, publishing

    from penstock.platform import Platform
    from penstock.settings import load
    from penstock.sync import sync

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        corpus.make(home, chunks // publishing.SECTIONS, publishing.SECTIONS)
        settings = load(home / "penstock.toml")
        store = settings.store.model_copy(update={"index": "weaviate"})
        platform = Platform(settings.model_copy(update={"store": store, "weaviate": server.settings}))
        try:
            report = sync(platform, corpus.INDEX)
            assert report.state == "published", report.message
            found = publishing.measure(platform, home)
        finally:
            platform.close()
    for name, times in found.items():
        print(line(f"{name} at {report.counts['rows_added']:,} chunks", "ms (mark 50)", f"**{median(times):.1f}**"))


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
