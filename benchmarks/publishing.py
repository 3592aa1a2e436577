"""5: how long it takes to publish a release and to roll it back, to promote an embedder with one and to demote it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import corpus
from benchmarks.bench import Bench, Page, row
from sqlalchemy import insert, update

from penstock import manifest
from penstock.catalog.schema import comparisons, generations, models, releases, training_sets
from penstock.settings import TRAINED

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
    return found | promotions(platform, home, edition)


def promotions(platform: Any, home: Path, edition: int) -> dict[str, list[float]]:
    """Milliseconds of promoting an embedder with a staged release, and of demoting both, in turns.

    The release is a sync's. That a challenger built it is written into the catalog as `train` and `compare` leave it,
    so that no index is embedded for each round: the moves count, reconcile and write the same rows.
    """
    from penstock import release
    from penstock.decisions import Who
    from penstock.promotion.promoting import demote, promote
    from penstock.sync import sync

    index, who, why = corpus.INDEX, Who("benchmark"), "the benchmark goes back and forth"
    found: dict[str, list[float]] = {"promote": [], "demote": []}
    release.rollback(platform, index, who, why)
    corpus.write(home, ROUNDS + 1, SECTIONS, edition)
    staged = sync(platform, index).release
    with platform.catalog.read() as connection:
        own = manifest.release_row(connection, index, staged).generation
    for nth in range(ROUNDS):
        model = challenger(platform, nth, staged, own)
        found["promote"].append(timed_ms(lambda: promote(platform, index, model, who, why)))  # noqa: B023
        found["demote"].append(timed_ms(lambda: demote(platform, index, who, why)))
    restage(platform, staged, own, manifest.HELD)
    release.resume(platform, index, who, why)
    return found


NO_MODEL: Mapping[str, Any] = {"base": "made", "files": {}, "size_bytes": 0}


def challenger(platform: Any, nth: int, number: int, own: int, kept: Mapping[str, Any] = NO_MODEL) -> str:
    """Have a model that a comparison lets through, and that built release ``number``; return its id.

    ``own`` is the release's generation; ``kept`` says what the model is made of.
    """
    id_ = f"{nth:016x}"
    mine = {"index_name": corpus.INDEX, "purpose": "embedder"}
    trained = {**kept, "set_id": id_, "recipe": {}, "figures": {}, "tainted": []}
    made = {"release": 1, "examples": 0, "options": {}, "card": {}, "erased": 0}
    judged = {"challenger": id_, "set_id": id_, "look": nth + 1, "outcome": "promote", "report": {}}
    with platform.catalog.write() as connection:
        now = platform.catalog.now(connection)
        connection.execute(insert(models).values(id=id_, at=now, **mine, **trained))
        connection.execute(insert(training_sets).values(id=id_, at=now, **mine, **made))
        connection.execute(insert(comparisons).values(at=now, release=number, **mine, **judged))
        row = manifest.generation_row(connection, corpus.INDEX, own)._asdict()
        recipe = row["recipe"] | {"embedder": row["recipe"]["embedder"] | {"model": TRAINED + id_}}
        other = row | {"number": 1_000_000 + nth, "recipe": recipe}
        connection.execute(insert(generations).values(**other))
    restage(platform, number, other["number"], manifest.WAITING)
    return id_


def restage(platform: Any, number: int, generation: int, state: str) -> None:
    with platform.catalog.write() as connection:
        mine = releases.c.index_name == corpus.INDEX, releases.c.number == number
        connection.execute(update(releases).where(*mine).values(state=state, generation=generation))


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
    for move in ("publish", "roll back", "promote", "demote"):
        few, many = (median(one[move]) for _, one in runs)
        yield row(move, f"{few:.1f}", f"**{many:.1f}**", f"**{many / few:.2f}**")
