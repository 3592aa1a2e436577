"""A sync of 100 changed documents, in a small index and in a large one."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import corpus
from benchmarks.bench import Bench, Page, row

SIZES, SECTIONS = (100, 10_000), 10
CHANGED = 100
ROUNDS = 6


def measure(platform: Any, home: Path) -> dict[str, Any]:
    """Rounds of editing one section of each of 100 documents, spread over the whole, and syncing."""
    from penstock import libraries
    from penstock.sync import sync

    assert libraries.import_great_expectations().expectations  # imported before the clock, as everything else
    documents = sum(1 for path in (home / "documents").rglob("*.md"))
    rounds = []
    edition = corpus.new_edition(platform)
    for nth in range(ROUNDS + 1):
        for each in range(0, documents, documents // CHANGED):
            corpus.write(home, each, SECTIONS, edition + nth)
        begun = time.perf_counter()
        report = sync(platform, corpus.INDEX)
        seconds = time.perf_counter() - begun
        assert report.state == "published", report.message
        assert report.counts["embedded"] == CHANGED, report.counts
        rounds.append({"whole": seconds, **report.seconds})
    return {"rounds": rounds[1:]}  # the first opened the stores and started the parser children


def part(bench: Bench) -> Page:
    small, large = (bench.made(documents, SECTIONS) for documents in SIZES)
    runs = [(built["counts"], bench.on_made("small_sync", home)["rounds"]) for home, built in (small, large)]
    yield from ("", "## A sync of 100 changed documents", "")
    yield (
        f"One section of each is edited, which is one chunk of {SECTIONS}. Medians of {ROUNDS} syncs in one process, "
        "the first left out. Listing costs by the document, not by the chunk, and has its own mark (2b). The mark is "
        "1.5 times the time in the small index."
    )
    names = [f"{counts['listed']:,} documents, {counts['rows_added']:,} chunks, s" for counts, _ in runs]
    yield from ("", row("", *names, "ratio"), "|---|---|---|---|")
    stages = [name for name in runs[-1][1][-1] if name != "whole"]
    for name in stages:
        yield _row(name, *(median(one[name] for one in rounds) for _, rounds in runs))
    yield _row("**whole**", *(median(one["whole"] for one in rounds) for _, rounds in runs))
    yield _row("**whole but listing**", *(median(one["whole"] - one["list"] for one in rounds) for _, rounds in runs))


def _row(name: str, few: float, many: float) -> str:
    return row(name, f"{few:.3f}", f"{many:.3f}", f"{many / few:.2f}" if few else "")
