"""A sync of 100,000 files of which none has changed."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.bench import Bench, Page
from benchmarks.corpus import INDEX

FILES = 100_000
SYNCS = 3


def measure(platform: Any, _home: Path) -> dict[str, Any]:
    """Some syncs in one process; the first also opens the catalog."""
    from penstock.sync import sync

    seconds = []
    for _ in range(SYNCS):
        begun = time.perf_counter()
        report = sync(platform, INDEX)
        seconds.append(time.perf_counter() - begun)
    return {"seconds": seconds, "state": report.state, "counts": report.counts, "stages": report.seconds}


def part(bench: Bench) -> Page:
    home, built = bench.made(FILES, 1)
    runs = [bench.on_made("many", home) for _ in range(2)]
    last = runs[-1]
    yield from ("", f"## {last['counts']['listed']:,} files, nothing changed", "")
    yield (
        "A process of its own, after imports, with opening the catalog inside the first sync. The marks are 5 s and "
        f"400 MB. (To ingest them took {built['seconds']:.0f} s and {built['peak_mb']} MB, with the hashing embedder.)"
    )
    yield from ("", "| first in a process, median s | later, median s | peak memory, MB | ended |", "|---|---|---|---|")
    later = median(seconds for one in runs for seconds in one["seconds"][1:])
    first = median(one["seconds"][0] for one in runs)
    yield f"| **{first:.2f}** | {later:.2f} | **{max(one['peak_mb'] for one in runs)}** | {last['state']} |"
