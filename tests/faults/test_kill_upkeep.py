"""kill -9 of what else writes to an index: pruning, reindex, erasure. Then the same again: as if never killed.

Where a victim came through before its turn, the same is done to the installation beside it, and both live another day.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from faults.test_kill import Killer, change, page, same_as
from penstock import maintenance, manifest
from penstock.erasure import erase
from penstock.index.lance_files import UNDER_WAY_S
from support.traces import in_files
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
N_DOCUMENTS = 12


class Pair:
    """Two installations with the same history, of which one is killed at its work."""

    def __init__(self, make: Make) -> None:
        self.killed, self.whole = make("killed"), make("whole")
        self.edition = 0
        for w in (self.killed, self.whole):
            for number in range(N_DOCUMENTS):
                w.write(f"page-{number:02}.md", page(number, 1))
            w.sync()
        for _ in range(2):
            self.live_on()

    def live_on(self) -> None:
        """A day's work at the source, and a release of it."""
        self.edition += 1
        for w in (self.killed, self.whole):
            change(w, self.edition)
            w.write(self.secret, f"# Secret {self.edition}\n\nThe {word(self.edition)} nests below the weir.\n")
            w.sync()

    @property
    def secret(self) -> str:
        return secret(self.edition)

    def kill(
        self, kills: int, places: dict[str, float], do: Callable[[Workspace], object], work: Callable[[], list[str]]
    ) -> None:
        """Kill the day's work in its places, up to so many seconds after it came there, until enough kills hit."""
        killer = Killer(self.killed, seed=kills)
        attempts = 0
        while killer.kills < kills:
            attempts += 1
            assert attempts < 10 * kills, f"only {killer.kills} kills hit a place: {killer.hits}"
            rarest = min(places, key=lambda name: (killer.hits[name], killer.random.random()))
            came_through = not killer.kill_in(rarest, places[rarest], *work())
            age_stray_files(self.killed)
            if came_through or live(self.killed) != live(self.whole):  # it may die when all but its report is done
                do(self.whole)
                self.live_on()
        self.killed.platform.close()
        self.killed.platform = self.killed.open()
        for w in (self.killed, self.whole):
            do(w)
        same_as(self.killed, self.whole)


def secret(edition: int) -> str:
    return f"secret-{edition}.md"


def word(edition: int) -> str:
    return f"quetzal{edition}coatl"


def live(w: Workspace) -> int | None:
    with w.platform.catalog.read() as connection:
        return manifest.pointer(connection, "main")[0]


def age_stray_files(w: Workspace) -> None:
    """As if the writes that were killed had been so long ago that none of them can still be under way."""
    for path in w.settings.home.glob("index/**/*"):
        os.utime(path, (time.time() - UNDER_WAY_S - 1,) * 2)


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.long)])
def test_what_was_killed_is_finished_by_the_next_one(make_workspace: Make, kills: int) -> None:
    pair = Pair(make_workspace)
    prune = {"catalog": 0.01, "index": 0.05}
    pair.kill(kills, prune, lambda w: maintenance.prune(w.platform, "main", 2), lambda: ["prune", "2"])
    for w in (pair.killed, pair.whole):
        w.change_index(chunker=w.settings.indexes["main"].chunker.model_copy(update={"max_tokens": 64}))
    reindex = {"index": 0.1, "stage": 0.2, "lake": 0.001, "catalog": 0.005, "gates": 0.3}
    pair.kill(kills, reindex, lambda w: w.reindex(), lambda: ["reindex"])
    pair.live_on()
    first = pair.edition
    erasing = {"index": 0.1, "catalog": 0.01, "lake": 0.001}
    pair.kill(
        kills,
        erasing,
        lambda w: erase(w.platform, "docs", pair.secret, WHO, "it was asked for"),
        lambda: ["erase", pair.secret],
    )
    pair.killed.platform.close()
    for edition in range(first, pair.edition + 1):
        assert in_files(pair.killed, word(edition)) == in_files(pair.killed, secret(edition)) == []
