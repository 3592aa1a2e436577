"""One measured process of penstock. ``run.py`` starts it; it prints one JSON document as its last line.

    python -m benchmarks.ingest cold      --home HOME     from an empty home: seconds, stages, and the floor
    python -m benchmarks.ingest unchanged --home HOME     the same again, nothing having changed
    python -m benchmarks.ingest replay    --home HOME --folder FOLDER --first 377 --commits 40

HOME holds the ``penstock.toml`` that ``run.py`` wrote. Timed is the call of ``sync`` alone. Imports of this process
and loading the model come before the clock; opening the stores, making the catalog and starting parser children
(which import for themselves) are inside it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import machine

INDEX = "etcd"
UNCHANGED_SYNCS = 5

CONFIG = """\
home = "home"

[sources.docs]
type = "folder"
path = {folder}
when_silent = ["public"]

[indexes.{index}]
sources = ["docs"]
"""
"""Everything else is penstock's default, the gates' limits too: 20 % removed, 10 % quarantined, 50 % rewritten,
90 % duplicates, chunks 0.5 to 3 times as many."""


def write_config(home: Path, folder: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    config = CONFIG.format(folder=json.dumps(str(folder.absolute())), index=INDEX)
    (home / "penstock.toml").write_text(config, encoding="utf-8")


def opened(home: Path) -> tuple[Any, float]:
    """Import all that a sync imports and load the model; return the platform and the seconds that this took."""
    begun = time.perf_counter()
    os.environ["PENSTOCK_CONFIG"] = str(home / "penstock.toml")
    os.environ["PENSTOCK_HOME"] = str(home / "home")
    import lancedb  # noqa: F401
    import pandas  # noqa: F401

    import penstock.catalog.migrate
    import penstock.sync  # noqa: F401
    from penstock import libraries, logs
    from penstock.platform import Platform

    logs.configure()
    assert libraries.import_great_expectations().expectations  # imported on use, as a part of its own
    platform = Platform()
    assert platform.embedder(platform.settings.index(INDEX).embedder).runtime  # compiled when it is first asked
    return platform, time.perf_counter() - begun


def cold(platform: Any) -> dict[str, Any]:
    from penstock.sync import sync

    begun = time.process_time()
    report, seconds = timed(lambda: sync(platform, INDEX))
    cpu = time.process_time() - begun
    texts = list(embedded_texts(platform))
    embedder = platform.embedder(platform.settings.index(INDEX).embedder)
    begun = time.process_time()
    _, floor = timed(lambda: embedder.embed_documents(texts))
    return {
        "seconds": seconds,
        "cpu": cpu,
        "floor_cpu": time.process_time() - begun,
        "state": report.state,
        "counts": report.counts,
        "stages": report.seconds,
        "distinct": len(texts),
        "reasons": reasons(platform),
        "floor": floor,
        "runtime": dict(embedder.runtime),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def reasons(platform: Any) -> dict[str, int]:
    """Why documents were quarantined, and how many for each reason."""
    from sqlalchemy import func, select

    from penstock.catalog.schema import entries

    query = select(entries.c.reason, func.count()).where(entries.c.reason.is_not(None)).group_by(entries.c.reason)
    with platform.catalog.read() as connection:
        return dict(connection.execute(query).tuples().all())


def embedded_texts(platform: Any) -> dict[str, None]:
    """The distinct texts that the chunks in the lake are embedded as."""
    from penstock import chunking
    from penstock.lake import Kind

    settings = platform.settings.index(INDEX).chunker
    chunks = (chunking.from_json(platform.lake.get(Kind.CHUNKS, name)) for name in platform.lake.names(Kind.CHUNKS))
    return dict.fromkeys(chunking.embedding_text(one, settings) for each in chunks for one in each)


def unchanged(platform: Any) -> dict[str, Any]:
    from penstock.sync import sync

    runs = [timed(lambda: sync(platform, INDEX)) for _ in range(UNCHANGED_SYNCS)]
    return {
        "seconds": [seconds for _, seconds in runs],
        "states": sorted({report.state for report, _ in runs}),
        "counts": runs[0][0].counts,
        "stages": runs[0][0].seconds,
    }


def replay(platform: Any, history: Path, folder: Path, first: int, commits: int) -> dict[str, Any]:
    """Sync after each commit, and count for oneself which texts nobody had seen before it."""
    from benchmarks.replay import History

    from penstock import release
    from penstock.decisions import Who
    from penstock.sync import sync

    site = History(history)
    commits = min(commits, len(site.commits) - first)
    texts = Texts(platform)
    seen = texts.of(folder)
    rows, approved = [], 0
    for nth in range(first, first + commits):
        ops = site.apply(nth, folder)
        new = texts.of(folder) - seen
        seen |= new
        report, seconds = timed(lambda: sync(platform, INDEX))
        if report.state == "waiting":
            why = "the benchmark plays history as it was: what the site removed is removed"
            release.approve(platform, INDEX, report.release, Who("benchmark"), why)
            approved += 1
        rows.append(
            {
                "commit": site.commits[nth]["commit"][:10],
                "ops": ops,
                "seconds": seconds,
                "state": report.state,
                "message": report.message,
                "embedded": report.counts.get("embedded", 0),
                "new": len(new),
                "stages": report.seconds,
                "counts": report.counts,
            }
        )
    return {"rows": rows, "approved": approved}


class Texts:
    """The texts that a folder's documents are embedded as, by the project's own parser and chunker and no cache."""

    def __init__(self, platform: Any) -> None:
        index = platform.settings.index(INDEX)
        self._parser, self._chunker = platform.settings.parser, index.chunker
        self._tokenizer = platform.embedder(index.embedder).tokenizer
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def of(self, folder: Path) -> set[str]:
        """Documents that the parser refuses have none."""
        from penstock.parsing import ParseJob, ParserPool

        files: dict[tuple[str, str], Path] = {}
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] = path
        jobs = [
            ParseJob("\n".join(name), path.name, path.read_bytes())
            for name, path in files.items()
            if name not in self._known
        ]
        if jobs:
            with ParserPool(self._parser) as pool:
                for job, outcome in pool.parse_many(jobs):
                    name, digest = job.id.split("\n")
                    self._known[name, digest] = frozenset(self._texts(outcome))
        return {text for name in files for text in self._known[name]}

    def _texts(self, outcome: Any) -> Iterator[str]:
        from penstock.chunking import chunk, embedding_text
        from penstock.records import Parsed

        if isinstance(outcome, Parsed):
            for one in chunk(outcome, self._tokenizer, self._chunker):
                yield embedding_text(one, self._chunker)


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("cold", "unchanged", "replay"))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--history", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--first", type=int, default=377)
    parser.add_argument("--commits", type=int, default=40)
    arguments = parser.parse_args()
    platform, start_up = opened(arguments.home)
    if arguments.what == "cold":
        result = cold(platform)
    elif arguments.what == "unchanged":
        result = unchanged(platform)
    else:
        result = replay(platform, arguments.history, arguments.folder, arguments.first, arguments.commits)
    child_peak_mb = machine.children_peak_mb()
    platform.close()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)  # those that have ended, as all have now
    facts = {
        "start_up": start_up,
        "child_peak_mb": child_peak_mb,
        "child_cpu": children.ru_utime + children.ru_stime,
    }
    json.dump({**result, **facts}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
