"""kill -9 of a real process, in every stage and inside the writes of every store; then the same work again.

The killer waits until the victim is inside the place it wants, waits a random part of the time that this place takes,
and kills. What counts is where the victim was when it died; a kill that hit no place is not counted.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from penstock import inspection, maintenance, manifest
from support.victim import MARKS, STAGES, WRITES, Victim
from support.workspace import Workspace

Make = Callable[..., Workspace]
N_DOCUMENTS = 40
GIVE_UP_S = 600.0
LOOK_S = 0.0002
"""The shortest place takes a millisecond. Whoever looks without a pause takes a core from the victim."""


class Killer:
    """Starts victims on a workspace and kills them; ``hits`` counts the places in which they died."""

    def __init__(self, w: Workspace, seed: int) -> None:
        self.w, self.random = w, random.Random(seed)
        self.hits: Counter[str] = Counter()
        self.kills = 0

    def kill_in(self, place: str, seconds: float, *work: str) -> bool:
        """Kill a victim up to ``seconds`` after it entered ``place``; False where it finished before."""
        victim = Victim(self.w, *work)
        until = time.monotonic() + GIVE_UP_S
        while not victim.marks.on(place) and not victim.finished():
            assert time.monotonic() < until, f"the victim never came to {place}"
            time.sleep(LOOK_S)
        pause = time.perf_counter() + self.random.uniform(0, seconds)
        while time.perf_counter() < pause and not victim.finished():
            time.sleep(LOOK_S)
        if victim.finished():
            return False
        victim.kill()
        places = [name for name in STAGES if victim.marks.on(name)]
        inside = [name for name in WRITES if victim.marks.on(name)]
        if places or inside:
            self.kills += 1
            self.hits.update(places[-1:] + inside)  # embedding goes on inside preparing: the inner one counts
        return True


def page(number: int, edition: int) -> str:
    parts = [f"# Page {number}", f"Edition {edition} of page {number} is about the river and its {number} mills."]
    for section in range(4):
        parts += [
            f"## Part {section}",
            f"Mill {number * 7 + section} ground {edition * 31 + section} sacks of rye. " * 4,
        ]
    return "\n\n".join(parts)


def fill(w: Workspace) -> None:
    for number in range(N_DOCUMENTS):
        w.write(f"page-{number:02}.md", page(number, 1))


def change(w: Workspace, edition: int) -> None:
    """A day's work on the folder: some pages edited, one gone, one new, one renamed, one locked, one broken."""
    pages = sorted(path.name for path in w.folder.glob("*.md"))
    for nth, name in enumerate(pages):
        if nth % 3 == edition % 3:
            w.write(name, page(nth, edition))
    gone, moved, locked = random.Random(edition).sample(pages, 3)
    w.remove(gone)
    w.rename(moved, f"moved-{edition}.md")
    w.write(f"new-{edition}.md", page(100 + edition, edition))
    w.allow(locked, [f"group:{edition}"])
    w.write(f"broken/{edition}.pdf", f"no PDF {edition}".encode())


def same_as(killed: Workspace, whole: Workspace) -> None:
    """Same releases, same rows in each of them, nothing left over, and everything as the catalog says."""
    killed.platform.close()
    killed.platform = killed.open()
    assert maintenance.verify(killed.platform, "main") == []
    ours, theirs = (inspection.list_releases(w.platform, "main") for w in (killed, whole))
    facts = ("number", "state", "documents", "chunks", "quarantined", "digest")
    assert [{k: one[k] for k in facts if k in one} for one in ours] == [
        {k: one[k] for k in facts if k in one} for one in theirs
    ]
    for one in [one for one in ours if one["state"] in manifest.KEPT]:
        assert rows(killed, one["number"]) == rows(whole, one["number"])


def rows(w: Workspace, release: int) -> list[tuple[Any, ...]]:
    """What a release shows, and to whom."""
    with w.platform.catalog.read() as connection:
        generation = manifest.readable(connection, "main", release).generation
    collection = manifest.collection_of(w.platform.catalog, "main", generation)
    found = w.platform.collection(collection).rows(release=release)
    return sorted((row.id, row.key, row.text, row.principals) for row in found)


@pytest.mark.parametrize("kills", [8, pytest.param(60, marks=pytest.mark.long)])
def test_a_killed_run_is_finished_by_the_next_one(make_workspace: Make, kills: int) -> None:
    killed, whole = make_workspace("killed"), make_workspace("whole")
    killer = Killer(killed, seed=kills)
    lasts = {"list": 0.01, "access": 0.01, "prepare": 0.3, "embed": 0.1, "stage": 0.3, "gates": 0.5, "publish": 0.01,
             "catalog": 0.005, "lake": 0.001, "index": 0.1}  # fmt: skip
    wanted = {place: 3 if kills >= 3 * len(MARKS) else 0 for place in MARKS}
    for w in (killed, whole):
        fill(w)
    edition = 1
    attempts = 0
    while killer.kills < kills or any(killer.hits[place] < wanted[place] for place in MARKS):
        attempts += 1
        assert attempts < 5 * kills, f"only {killer.kills} kills hit a place: {killer.hits}"
        rarest = min(MARKS, key=lambda name: (killer.hits[name], killer.random.random()))
        if killer.kill_in(rarest, lasts[rarest], "sync"):
            continue
        whole.sync()
        same_as(killed, whole)
        edition += 1
        for w in (killed, whole):
            change(w, edition)
    Victim(killed, "sync").let_live(GIVE_UP_S)
    whole.sync()
    same_as(killed, whole)
    print(f"{killer.kills} kills over {edition} releases: {dict(killer.hits)}")
