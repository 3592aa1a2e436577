"""The writer of interactions alone: processes of its own ask it for 1,000 a second, and one run of it is killed.

    python -m benchmarks.interactions [--seconds 30] [--rate 1000] [--processes 4] [--postgres]

Each process has threads that record interactions as a service would, of the size of a search with 50 candidates, each
at its appointed time, however long the one before took: whoever is late is late in the figures too (no coordinated
omission). What ``record`` returned counts as answered, and its id goes to a pipe that outlives the process.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import sqlalchemy
from benchmarks.bench import Bench, Page, row

from penstock.ids import hash_of, row_id
from penstock.interactions import Asker, record
from penstock.platform import Platform
from penstock.retrieval import Candidate, Citation, Found, Setup
from penstock.retrieval.trace import Stage
from penstock.settings import FolderSource, IndexSettings, Settings, StoreSettings

SECONDS, RATE, PROCESSES, THREADS = 30.0, 1_000, 4, 8
CANDIDATES, SHOWN = 50, 10
START_S = 0.2


def found(nth: int) -> Found:
    """What a search of ten hits among fifty candidates gives."""
    ids = [row_id("handbook", str(nth % 97), str(one), 0, 1) for one in range(CANDIDATES)]
    scores = {"text": 11.173, "vector": 0.6312}
    candidates = tuple(Candidate(id_, 1 / (1 + place), scores) for place, id_ in enumerate(ids))
    hits = tuple(
        Citation(id_, 0.5, "", "docs", "a.md", "A", (), None, hash_of("r"), 0, 9, hash_of(id_)[:32], {}, scores, ())
        for id_ in ids[:SHOWN]
    )
    names = ("embed", "text", "vector", "candidates", "collapse", "rerank", "cite", "join")
    stages = tuple(Stage(name, 1.234) for name in names)
    setup = Setup("hybrid", "0123456789abcdef", "fedcba9876543210")
    return Found("handbook", 7, f"how often is weir {nth} inspected in spring?", hits, (), stages, candidates, setup)


def settings(home: Path, catalog: str | None) -> Settings:
    return Settings(
        sources={"docs": FolderSource(type="folder", path=home, when_silent=("public",))},
        indexes={"handbook": IndexSettings(sources=("docs",))},
        store=StoreSettings(**({"catalog": catalog} if catalog else {})),
        file=home / "penstock.toml",
        home=home / "home",
    )


def writer(whole: Settings, nth: int, ready: Barrier, seconds: float, rate: float, done: Connection) -> None:
    """One process of the service: its threads take turns at the appointed times."""
    platform, lock = Platform(whole), threading.Lock()
    platform.recorder.digests  # noqa: B018 - opened before the clock runs
    answer = found(nth)
    ready.wait()
    begin = time.time() + START_S

    def work(thread: int) -> None:
        every = THREADS / rate
        at = begin + thread / rate
        while at < begin + seconds:
            time.sleep(max(0.0, at - time.time()))
            started = time.time()
            id_ = record(platform, answer, Asker(("group:a",), f"person {thread}", f"session {nth}"))
            ended = time.time()
            with lock:
                done.send_bytes(f"{id_} {ended - started:.6f} {ended - at:.6f}".encode())
            at += every

    threads = [threading.Thread(target=work, args=(one,)) for one in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    platform.close()


def run(
    home: Path, catalog: str | None, seconds: float, rate: float, processes: int, kill_at: float | None = None
) -> dict[str, Any]:
    """Let the writers write; with ``kill_at``, kill -9 all of them at that share of the time."""
    whole = settings(home, catalog)
    Platform(whole).recorder.digests  # noqa: B018 - makes the catalog and its key
    context = multiprocessing.get_context("spawn")
    ready, answered = context.Barrier(processes + 1), list[tuple[str, float, float]]()
    pipes = [context.Pipe(duplex=False) for _ in range(processes)]
    works = [
        context.Process(target=writer, args=(whole, nth, ready, seconds, rate / processes, end))
        for nth, (_, end) in enumerate(pipes)
    ]
    readers = [threading.Thread(target=_read, args=(pipe, answered)) for pipe, _ in pipes]
    for work, (_, end) in zip(works, pipes, strict=True):
        work.start()
        end.close()
    for reader in readers:
        reader.start()
    ready.wait()
    begin = time.time() + START_S
    if kill_at is not None:
        time.sleep(max(0.0, begin + kill_at * seconds - time.time()))
        for work in works:
            work.kill()
    for one in (*works, *readers):
        one.join()
    return _counted(whole, answered, time.time() - begin)


def _read(pipe: Connection, answered: list[tuple[str, float, float]]) -> None:
    while True:
        try:
            id_, took, late = pipe.recv_bytes().decode().split()
        except (EOFError, ConnectionResetError):
            return
        answered.append((id_, float(took), float(late)))


def _counted(whole: Settings, answered: list[tuple[str, float, float]], wall_s: float) -> dict[str, Any]:
    from sqlalchemy import select

    from penstock.catalog.schema import interactions

    platform = Platform(whole)
    with platform.catalog.read() as connection:
        kept = set(connection.execute(select(interactions.c.id)).scalars())
        size = _bytes(connection, platform.settings.catalog_url)
    platform.close()
    ids = {id_ for id_, _, _ in answered}
    return {
        "answered": len(ids),
        "kept": len(kept),
        "lost": len(ids - kept),
        "not_answered": len(kept - ids),
        "seconds": wall_s,
        "took": [took for _, took, _ in answered],
        "late": [late for _, _, late in answered],
        "bytes_each": size / max(len(kept), 1),
    }


def _bytes(connection: sqlalchemy.Connection, url: str) -> int:
    """What the interactions take; of SQLite the whole catalog, which holds nothing else."""
    if connection.dialect.name != "sqlite":
        size = sqlalchemy.text("select pg_total_relation_size('interactions')")
        return int(connection.execute(size).scalar_one())
    file = Path(url.removeprefix("sqlite:///"))
    return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


def table(runs: dict[str, dict[str, Any]]) -> Page:
    yield row("", "answered", "a second", "lost", "kept, not answered", "p50, ms", "p95", "p99", "p99 from its time")
    yield "|---|---|---|---|---|---|---|---|---|"
    for name, one in runs.items():
        took, late = ([1000 * value for value in one[key]] for key in ("took", "late"))
        cuts, behind = quantiles(took, n=100), quantiles(late, n=100)
        yield row(
            name,
            f"{one['answered']:,}",
            f"{one['answered'] / one['seconds']:,.0f}",
            f"**{one['lost']}**",
            one["not_answered"],
            f"**{median(took):.2f}**",
            f"{cuts[94]:.1f}",
            f"{cuts[98]:.1f}",
            f"{behind[98]:.1f}",
        )


def measured(
    seconds: float, rate: float, processes: int, new_catalog: Callable[[], str | None] = lambda: None
) -> dict[str, dict[str, Any]]:
    """Each run on an empty catalog of its own: SQLite in a folder, where ``new_catalog`` names none."""
    runs: dict[str, dict[str, Any]] = {}
    for name, at, kill in (
        (f"{rate:,.0f} a second for {seconds:.0f} s, {processes} processes", rate, None),
        ("the same, killed in the middle", rate, 0.5),
        ("20 a second, 1 process", 20.0, None),
    ):
        with tempfile.TemporaryDirectory(prefix="penstock-interactions-") as home:
            lasting = seconds if at == rate and kill is None else min(seconds, 10.0)
            runs[name] = run(Path(home), new_catalog(), lasting, at, processes if at == rate else 1, kill)
    return runs


@contextmanager
def postgres() -> Iterator[Callable[[], str] | None]:
    """Makes empty databases: on the server that PENSTOCK_TEST_POSTGRES names, or on one of the installed binaries.

    None where there is neither.
    """
    from tests.support import postgres as servers

    if named := os.environ.get("PENSTOCK_TEST_POSTGRES"):
        yield servers.Postgres(named).new_database
    elif servers.find_binaries() is None:
        yield None
    else:
        with servers.own_postgres(durable=True) as server:
            yield server.new_database


def part(_bench: Bench) -> Page:
    yield from ("", "## Interactions", "")
    yield (
        f"The writer alone: `interactions.record` of a search with {CANDIDATES} candidates, in processes of {THREADS} "
        "threads, each row waited for until it is on the disk. *From its time* counts from when it should have begun. "
        "Killed: all processes at once, with `kill -9`."
    )
    yield from on("SQLite", measured(SECONDS, RATE, PROCESSES))
    with postgres() as new_database:
        if new_database is None:
            yield from ("", "PostgreSQL: not measured, its server is not installed here.")
        else:
            yield from on("PostgreSQL, on the same machine", measured(SECONDS, RATE, PROCESSES, new_database))


def on(store: str, runs: dict[str, dict[str, Any]]) -> Page:
    yield from ("", f"### {store}", "")
    yield from table(runs)
    first = next(iter(runs.values()))
    yield from ("", f"An interaction takes {first['bytes_each'] / 1000:.1f} kB of the catalog.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--rate", type=float, default=float(RATE))
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--postgres", action="store_true", help="on PostgreSQL, and not on SQLite")
    arguments = parser.parse_args()
    chosen = arguments.seconds, arguments.rate, arguments.processes
    if not arguments.postgres:
        print("\n".join(on("SQLite", measured(*chosen))))
        return
    with postgres() as new_database:
        if new_database is None:
            parser.error("no PostgreSQL: set PENSTOCK_TEST_POSTGRES, or install its server")
        print("\n".join(on("PostgreSQL", measured(*chosen, new_database))))


if __name__ == "__main__":
    main()
