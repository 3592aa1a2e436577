"""How long it takes to publish a release and to roll it back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import corpus
from benchmarks.bench import Bench, Page, row

SIZES, SECTIONS = (100, 10_000), 10
ROUNDS = 12


def measure(platform: Any, home: Path) -> dict[str, Any]:
    """Milliseconds of each move in turn: back, then a staged release that changes one document is published."""
    from penstock import release
    from penstock.decisions import Who
    from penstock.sync import sync

    index, who, why = corpus.INDEX, Who("benchmark"), "the benchmark goes back and forth"
    found: dict[str, list[float]] = {"publish": [], "roll back": []}
    edition = corpus.new_edition(platform)
    corpus.write(home, 0, SECTIONS, edition)
    sync(platform, index)
    for nth in range(1, ROUNDS + 1):
        found["roll back"].append(timed_ms(lambda: release.rollback(platform, index, who, why)))
        corpus.write(home, nth, SECTIONS, edition)
        staged = sync(platform, index)
        assert staged.state == "held", staged.message
        found["publish"].append(timed_ms(lambda: release.resume(platform, index, who, why)))
    return found


def timed_ms(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - begun)


def part(bench: Bench) -> Page:
    small, large = (bench.made(documents, SECTIONS) for documents in SIZES)
    runs = [(built["counts"]["rows_added"], bench.on_made("publishing", home)) for home, built in (small, large)]
    yield from ("", "## Publish and roll back", "")
    yield (
        f"Medians of {ROUNDS} rounds. Published is a release that was staged and checked while the index was on hold: "
        "the time holds the counting of catalog, manifest and store against one another, and the transaction. The "
        "marks are 50 ms, and 1.2 times the time in the small index."
    )
    yield from ("", row("", *(f"{chunks:,} chunks, ms" for chunks, _ in runs), "ratio"), "|---|---|---|---|")
    for move in ("publish", "roll back"):
        few, many = (median(one[move]) for _, one in runs)
        yield row(move, f"{few:.1f}", f"**{many:.1f}**", f"**{many / few:.2f}**")
