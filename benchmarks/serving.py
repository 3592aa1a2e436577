"""Search through HTTP, beside what it rests on: the bare query of the store with the bare embedding.

    python -m benchmarks.serving --home HOME [--make 10000] [--rounds 4] [--requests 50000]

HOME holds made documents (``corpus.make``) and their index, which ``--make`` makes: with the default embedder, but the
vectors of its documents are drawn by lot, since what a search costs does not hang on them. Questions are embedded.
Four processes of their own take turns: `penstock serve`; the same with a writer of interactions that drops them, which
says what recording costs; one that asks the store and the embedder directly, in as many threads; and one of clients,
which asks the services. ``--requests`` are sent to the service afterwards, while its memory is looked at.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import linear_regression, median, quantiles
from threading import local
from typing import Any

import numpy as np
from benchmarks import corpus, machine, made
from benchmarks.bench import Bench, Page, measured, row, say

from penstock.embedding.base import LocalModel
from penstock.embedding.hashing import WordTokenizer
from penstock.platform import Platform

DOCUMENTS, SECTIONS = 10_000, 10
CONCURRENCY = (1, 8)
QUESTIONS, ROUNDS, REQUESTS, SAMPLES = 100, 4, 50_000, 10
K = 10
HTTP, SILENT = "`penstock serve`", "the same, recording nothing"
STORE, LANCE = "embedding and store, as a search asks it", "embedding and LanceDB's own query, no rights, 10 deep"
MARK, RECORDING_MARK_MS, FLAT = 1.4, 5.0, 0.05

Ask = Callable[[str], object]


class Drawn(LocalModel):
    """The model's name before vectors that are drawn: 100,000 chunks would take it half an hour."""

    def __init__(self, model: Any) -> None:
        self.fingerprint, self.dimension, self.max_tokens = model.fingerprint, model.dimension, model.max_tokens
        self.tokenizer, self.runtime = WordTokenizer(), {"library": "drawn by lot"}
        self._draw = np.random.default_rng(0)

    def embed_documents(self, texts: Sequence[str]) -> Any:
        drawn = self._draw.standard_normal((len(texts), self.dimension), np.float32)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


class Drawing(Platform):
    def embedder(self, settings: Any, run_id: int | None = None) -> Any:
        return Drawn(super().embedder(settings, run_id))


def make(home: Path, documents: int, embedder: str = "") -> None:
    """Publish an index whose releases name the default embedder; ``embedder`` is the index's section of its own."""
    from penstock.sync import sync

    corpus.make(home, documents, SECTIONS, embedder)
    platform = made.opened(home, Drawing)
    report = sync(platform, corpus.INDEX)
    if report.state != "published":
        raise RuntimeError(f"the made index was not published: {report.state}")
    platform.close()


def store(home: Path) -> Ask:
    """The question embedded, and the store asked with rights and release, with nothing around it."""
    from penstock import manifest
    from penstock.records import PUBLIC, Query

    platform = made.opened(home)
    settings = platform.settings.index(corpus.INDEX)
    with platform.catalog.read() as connection:
        release = manifest.opened(connection, corpus.INDEX, None)
    embedder, collection = platform.embedder(settings.embedder), platform.collection(release.collection)

    def ask(text: str) -> object:
        query = Query(
            text, embedder.embed_query(text).tolist(), release.number, (PUBLIC,), k=settings.retrieval.candidates
        )
        return collection.search(query)

    return ask


def lance(home: Path) -> Ask:
    """The question embedded, and LanceDB's own hybrid query on the same table."""
    import lancedb
    from lancedb.rerankers import RRFReranker

    from penstock import manifest

    platform = made.opened(home)
    with platform.catalog.read() as connection:
        name = manifest.opened(connection, corpus.INDEX, None).collection
    embedder = platform.embedder(platform.settings.index(corpus.INDEX).embedder)
    database, reranker = lancedb.connect(platform.settings.index_url), RRFReranker()

    def ask(text: str) -> object:
        query = database.open_table(name).search(query_type="hybrid", vector_column_name="vector", fts_columns="text")
        query = query.vector(embedder.embed_query(text)).text(text).distance_type("dot").rerank(reranker)
        return query.limit(K).to_arrow().to_pylist()

    return ask


def client(url: str) -> Ask:
    """A search of the service at ``url``; each thread keeps a connection open. The plainest client there is: it shares
    the machine with what it measures."""
    host, here = url.removeprefix("http://"), local()

    def ask(text: str) -> object:
        if not hasattr(here, "connection"):
            here.connection = HTTPConnection(host, timeout=60)
        body, headers = json.dumps({"query": text, "k": K}), {"Content-Type": "application/json"}
        here.connection.request("POST", f"/v1/indexes/{corpus.INDEX}/search", body, headers)
        answer = here.connection.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the service answered {answer.status}: {said.decode()}")
        return said

    return ask


class Asker:
    """A process of its own that asks one contender; ``times`` are the milliseconds of each question."""

    def __init__(self, make: Callable[[], Ask]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_asking, args=(make, theirs), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def times(self, questions: Sequence[str], concurrency: int) -> list[float]:
        self._pipe.send((questions, concurrency))
        found: list[float] = self._pipe.recv()
        return found

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def _asking(make: Callable[[], Ask], orders: Connection) -> None:
    ask = make()

    def timed(text: str) -> float:
        begun = time.perf_counter()
        ask(text)
        return 1000 * (time.perf_counter() - begun)

    while True:
        questions, concurrency = orders.recv()
        with ThreadPoolExecutor(concurrency) as threads:
            orders.send(list(threads.map(timed, questions)))


@contextmanager
def service(home: Path, silent: bool = False) -> Iterator[tuple[str, int]]:
    """A running service: its address and the number of its process."""
    what = [sys.executable, "-m", "benchmarks.serving", "--home", str(home), "--serve-silently"]
    command = what if silent else [str(Path(sys.executable).with_name("penstock")), "serve", "--port", "0", "--json"]
    environment = {**os.environ, "PENSTOCK_CONFIG": str(home / "penstock.toml"), "PENSTOCK_HOME": str(home / "home")}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise RuntimeError(f"{' '.join(command)} ended with {process.wait()} before it listened")
        yield json.loads(said)["url"], process.pid
    finally:
        process.terminate()
        process.wait()


def serve_silently(home: Path) -> None:
    """`penstock serve`, whose interactions are made and not written."""
    from penstock.interactions.recorder import Recorder
    from penstock.service.serving import serve

    class Silent(Recorder):
        def write(self, row: dict[str, Any]) -> None:
            pass

    platform = made.opened(home)
    platform.recorder = Silent(platform.catalog)
    serve(platform, "127.0.0.1", 0, lambda url: print(json.dumps({"url": url}), flush=True))


def measure(home: Path, rounds: int, requests: int) -> dict[str, Any]:
    """Milliseconds and CPU milliseconds by concurrency and contender, and the service's memory after each tenth."""
    times: dict[str, dict[str, list[float]]] = {}
    cpu_ms: dict[str, dict[str, float]] = {}
    with ExitStack() as stack:
        url, pid = stack.enter_context(service(home))
        silent, silent_pid = stack.enter_context(service(home, silent=True))
        makers = {
            HTTP: partial(client, url),
            SILENT: partial(client, silent),
            STORE: partial(store, home),
            LANCE: partial(lance, home),
        }
        askers = {name: Asker(make) for name, make in makers.items()}
        pids = {name: asker.pid for name, asker in askers.items()} | {HTTP: pid, SILENT: silent_pid}
        for asker in askers.values():
            stack.callback(asker.close)
            asker.times(list(corpus.questions(QUESTIONS)), max(CONCURRENCY))  # opens and warms
        for concurrency in CONCURRENCY:
            found = times[str(concurrency)] = {name: [] for name in makers}
            spent = cpu_ms[str(concurrency)] = dict.fromkeys(makers, 0.0)
            for nth in range(rounds):
                say(f"serving, {concurrency} at once, round {nth + 1} …")
                asked = list(corpus.questions((nth + 2) * QUESTIONS))[-QUESTIONS:]  # new ones in each round
                for name in in_turns(list(askers), nth):
                    before = machine.cpu_s(pids[name])
                    found[name] += askers[name].times(asked, concurrency)
                    spent[name] += 1000 * (machine.cpu_s(pids[name]) - before) / QUESTIONS / rounds
        for name in (SILENT, STORE, LANCE):
            askers[name].close()
        memory = list(_memory(askers[HTTP], pid, requests))
    return {"times": times, "cpu_ms": cpu_ms, "memory": memory, "rounds": rounds, "chunks": chunks(home)}


def in_turns(names: Sequence[str], nth: int) -> list[str]:
    """Another begins in each round: whoever is the first to ask new questions waits longer than those after it.

    >>> in_turns(["a", "b", "c"], 1)
    ['b', 'c', 'a']
    """
    first = nth % len(names)
    return [*names[first:], *names[:first]]


def chunks(home: Path) -> int:
    from penstock import manifest

    platform = made.opened(home)
    with platform.catalog.read() as connection:
        return int(manifest.opened(connection, corpus.INDEX, None).chunks)


def _memory(asker: Asker, pid: int, requests: int) -> Iterator[tuple[int, float, float]]:
    """Requests so far, and MiB resident and proportional, at the start and after each of ``SAMPLES`` parts."""
    asked = list(corpus.questions(max(requests // SAMPLES, 1)))
    yield 0, *machine.memory_mb(pid)
    for nth in range(1, SAMPLES + 1 if requests else 1):
        say(f"serving, memory after {nth * len(asked):,} requests …")
        asker.times(asked, max(CONCURRENCY))
        yield nth * len(asked), *machine.memory_mb(pid)


def part(bench: Bench) -> Page:
    home = bench.work / "serving"
    command = [sys.executable, "-m", "benchmarks.serving", "--home", str(home)]
    options = ["--make", str(DOCUMENTS // bench.every), "--requests", str(REQUESTS // bench.every)]
    yield from ("", "## Search through HTTP", "")
    yield from page(measured(f"serving on {home.name}", [*command, *options]))


def page(found: dict[str, Any]) -> Page:
    yield (
        f"{found['chunks']:,} chunks; {QUESTIONS * found['rounds']} different questions, {K} hits with their "
        "passages, asked of each contender in turn; every one of them, and the clients, is a process of its own. The "
        "default embedder reads the questions; the documents' vectors are drawn by lot. Milliseconds at the client; of "
        f"CPU, those of the process that answers, for one question. The mark is {MARK} times "
        f"{STORE}, at the median; recording may cost {RECORDING_MARK_MS:.0f} ms."
    )
    yield from ("", row("at once", "", "p50", "p95", "p50 / store's", "p50 / LanceDB's", "CPU"), row(*["---"] * 7))
    for concurrency, times in found["times"].items():
        middles = {name: median(each) for name, each in times.items()}
        for name, each in times.items():
            ratios = (f"**{middles[name] / middles[other]:.2f}**" for other in (STORE, LANCE))
            cells = f"{middles[name]:.1f}", f"{quantiles(each, n=20)[-1]:.1f}", *ratios
            yield row(concurrency, name, *cells, f"{found['cpu_ms'][concurrency][name]:.1f}")
    costs = [f"{median(each[HTTP]) - median(each[SILENT]):+.1f} ms" for each in found["times"].values()]
    yield from ("", f"Recording costs {' and '.join(costs)} at the median ({' and '.join(found['times'])} at once).")
    if len(found["memory"]) > 2:
        yield from memory_page(found["memory"])


def memory_page(samples: Sequence[tuple[int, float, float]]) -> Page:
    """Flat: from the first fifth on, when caches are full, the line through the rest rises by less than ``FLAT``."""
    later = samples[len(samples) // 5 :]
    slope = linear_regression([one[0] for one in later], [one[1] for one in later]).slope
    rise = slope * (later[-1][0] - later[0][0])
    verdict = "flat" if rise < FLAT * later[0][1] else "**not flat**"
    yield ""
    yield (
        f"Memory of the service over {samples[-1][0]:,} requests, {max(CONCURRENCY)} at once: {verdict} "
        f"({1000 * slope:+.2f} MiB in 1,000 requests from the first fifth on, {rise:+.1f} MiB of {later[0][1]:.0f})."
    )
    yield from ("", row("requests", *(f"{one[0]:,}" for one in samples)), row(*["---"] * (len(samples) + 1)))
    yield row("resident, MiB", *(f"{one[1]:.0f}" for one in samples))
    yield row("proportional, MiB", *(f"{one[2]:.0f}" for one in samples))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--make", type=int, metavar="N", help=f"make N documents of {SECTIONS} chunks and their index")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="while memory is looked at; 0: none")
    parser.add_argument("--page", action="store_true", help="words instead of JSON")
    parser.add_argument("--serve-silently", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_silently:
        serve_silently(arguments.home)
        return
    if arguments.make:
        make(arguments.home, arguments.make)
    found = measure(arguments.home, arguments.rounds, arguments.requests)
    print("\n".join(page(found)) if arguments.page else json.dumps(found))


if __name__ == "__main__":
    main()
