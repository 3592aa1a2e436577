"""Peak memory of an ingest from empty, with so many documents and with ten times as many."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Page
from benchmarks.corpus import INDEX

FEW, MANY, SECTIONS = 1_000, 10_000, 10


def measure(platform: Any, _home: Path) -> dict[str, Any]:
    """A sync from empty stores."""
    from penstock.sync import sync

    begun = time.perf_counter()
    report = sync(platform, INDEX)
    return {
        "seconds": time.perf_counter() - begun,
        "state": report.state,
        "counts": report.counts,
        "stages": report.seconds,
    }


def part(bench: Bench) -> Page:
    few, many = (bench.made(documents, SECTIONS)[1] for documents in (FEW, MANY))
    yield from ("", "## Memory with ten times the documents", "")
    yield (
        "From empty stores to a published release, the hashing embedder in the place of a model. Peak resident memory "
        "of the process, imports and all (great-expectations and pandas with the gates), and of the largest parser "
        "child alive at its end. The mark is 1.3 times."
    )
    yield from (
        "",
        "| documents | chunks | seconds | after imports, MB | peak, MB | child, MB |",
        "|---|---|---|---|---|---|",
    )
    for one in (few, many):
        yield (
            f"| {one['counts']['listed']:,} | {one['counts']['rows_added']:,} | {one['seconds']:.0f} | "
            f"{one['imported_mb']} | {one['peak_mb']} | {one['child_peak_mb']} |"
        )
    yield ""
    yield f"**{many['peak_mb'] / few['peak_mb']:.2f} times the memory** for ten times the documents."
