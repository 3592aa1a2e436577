"""Two pairs of an embedder and its release, and the moves between them: what ``promoting`` measures.

``make`` makes the index of the default embedder and, beside it, a second whole release by a model whose weights differ
a little, kept as `train` keeps one, which waits as `compare` leaves it. The vectors of both are drawn by lot (see
``serving``). Each move has a challenger of another id, so that no service knows it before; that it built the release
and won its comparison is written into the catalog.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks import corpus, made, serving
from sqlalchemy import Connection as Database
from sqlalchemy import insert, update

from penstock import manifest
from penstock.catalog import Catalog
from penstock.catalog.schema import comparisons, gates, generations, models, releases, training_sets
from penstock.platform import Platform
from penstock.settings import TRAINED

SHARE = 0.05
"""Of the way from the base's weights to ones that are drawn."""
EMBEDDER = f"""\
[indexes.{corpus.INDEX}.embedder]
precision = "float32"

"""
"""Else the machine's load decides what a question is embedded in, and among drawn vectors its hits hang on that."""
WHY = "the benchmark goes to and fro"


class Watched(Catalog):
    """Remembers when each transaction that writes began, and when it had been committed."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.written: list[tuple[float, float]] = []

    @contextmanager
    def write(self, durable: bool = False, wait_s: float = 30.0) -> Iterator[Database]:
        began = time.monotonic()
        with super().write(durable, wait_s) as connection:
            yield connection
        self.written.append((began, time.monotonic()))


class Moving(Platform):
    @cached_property
    def catalog(self) -> Watched:
        return Watched(self.settings.catalog_url)


def make(home: Path, documents: int) -> None:
    """Publish an index, and stage a challenger's release beside it, as ``penstock.promotion.embedders`` builds one."""
    from penstock import champions, quality, release, runs
    from penstock.progress import Progress
    from penstock.promotion import embedders
    from penstock.recipe import Recipe
    from penstock.sync import Ground, open_rebuild, prepare_and_embed, stage

    serving.make(home, documents, EMBEDDER)
    platform, index, progress = made.opened(home, serving.Drawing), corpus.INDEX, Progress()
    model = tuned(platform)
    ours = Recipe.of(platform.settings, index)
    recipe = ours.model_copy(update={"embedder": champions.embedder(platform.settings, index, model)})
    run = runs.begin(platform, index, runs.COMPARE, {"challenger": model})
    with runs.closing(platform, run):
        with platform.catalog.read() as connection:
            on = Ground(manifest.head(connection, index), recipe, rebuilds=True)
        outcomes = prepare_and_embed(platform, run, recipe, open_rebuild(platform, run, on), progress)
        number = stage(platform, run, on, outcomes, [], rebuild=True)
        assert number is not None
        quality.check(platform, index, number, run.lease)
        embedders.wait_for_promotion(platform, run, number, recipe.embedder.model)
        release.settle(platform, index, number, run.lease)
        runs.finish(platform, run, runs.WAITING, number, "it waits for its promotion")
    platform.close()


def tuned(platform: Platform) -> str:
    """A model that differs a little from the default one, kept as a training keeps one; its id."""
    import torch
    from safetensors.torch import load_file

    from penstock.embedding.folder import WEIGHTS, open_folder
    from penstock.purposes import Purpose
    from penstock.trained import Training, keep
    from penstock.tuning import mixing

    base = platform.settings.index(corpus.INDEX).embedder.model
    folder, draw = open_folder(base), torch.Generator().manual_seed(0)
    weights = {
        name: one + one.std() * torch.randn(one.shape, generator=draw)
        for name, one in load_file(folder.root / WEIGHTS).items()
        if one.is_floating_point() and one.dim() == 2
    }
    with tempfile.TemporaryDirectory() as work:
        mixing.write(folder.path, folder.root, weights, SHARE, Path(work) / "model")
        return keep(platform, corpus.INDEX, Purpose.EMBEDDER, Path(work) / "model", Training(base, "drawn", {}, {}))


class Pairs:
    """What promotes and demotes; each time a challenger of another id."""

    def __init__(self, platform: Any) -> None:
        from penstock import trained
        from penstock.decisions import Who

        self.platform, self.who, self.nth = platform, Who("benchmark"), 0
        with platform.catalog.read() as connection:
            [kept] = trained.of_index(connection, corpus.INDEX)
            waiting = manifest.pending(connection, corpus.INDEX)
            assert waiting is not None
            self.number, self.own = waiting.number, waiting.generation
        self.kept = {"base": kept.base, "files": kept.files, "size_bytes": kept.size_bytes}

    def challenge(self) -> str:
        """Have another challenger wait, known to MLflow, as `penstock compare` leaves it."""
        from penstock.promotion import registry

        model = f"{self.nth:016x}"
        with self.platform.catalog.write() as connection:
            self._write_judged(connection, model)
            mine = gates.c.index_name == corpus.INDEX, gates.c.release == self.number, gates.c.name == "promotion"
            connection.execute(update(gates).where(*mine).values(passed=False))
        registry.write(self.platform, corpus.INDEX)
        self.nth += 1
        return model

    def _write_judged(self, connection: Database, model: str) -> None:
        """That a model was kept, built the second release and was let through, as `train` and `compare` write it."""
        mine = {"index_name": corpus.INDEX, "purpose": "embedder"}
        trained = {**self.kept, "set_id": model, "recipe": {}, "figures": {}, "tainted": []}
        made = {"release": 1, "examples": 0, "options": {}, "card": {}, "erased": 0}
        judged = {"challenger": model, "set_id": model, "look": self.nth + 1, "outcome": "promote", "report": {}}
        now = self.platform.catalog.now(connection)
        connection.execute(insert(models).values(id=model, at=now, **mine, **trained))
        connection.execute(insert(training_sets).values(id=model, at=now, **mine, **made))
        connection.execute(insert(comparisons).values(at=now, release=self.number, **mine, **judged))
        row = manifest.generation_row(connection, corpus.INDEX, self.own)._asdict()
        recipe = row["recipe"] | {"embedder": row["recipe"]["embedder"] | {"model": TRAINED + model}}
        other = row | {"number": 1_000_000 + self.nth, "recipe": recipe}
        connection.execute(insert(generations).values(**other))
        this = releases.c.index_name == corpus.INDEX, releases.c.number == self.number
        staged = {"state": manifest.WAITING, "generation": other["number"]}
        connection.execute(update(releases).where(*this).values(**staged))

    def promote(self, model: str) -> dict[str, float]:
        from penstock.promotion.promoting import promote

        return self._timed(lambda: promote(self.platform, corpus.INDEX, model, self.who, WHY))

    def demote(self) -> dict[str, float]:
        from penstock.promotion.promoting import demote

        return self._timed(lambda: demote(self.platform, corpus.INDEX, self.who, WHY))

    def _timed(self, move: Callable[[], Any]) -> dict[str, float]:
        """Milliseconds of the transaction, of the move around it and of the command's whole; when it was committed."""
        from penstock.promotion import registry

        began = time.monotonic()
        move()
        moved = time.monotonic()
        registry.write(self.platform, corpus.INDEX)
        told = time.monotonic()
        start, committed = self.platform.catalog.written[-1]
        spans = {"transaction": committed - start, "move": moved - began, "command": told - began}
        return {name: 1000 * span for name, span in spans.items()} | {"committed": committed}
