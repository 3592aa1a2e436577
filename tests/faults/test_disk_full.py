"""The disk of each store fills up under a sync: it fails and says which disk, readers see what they saw, and with room
the same sync makes the same release (invariant 6). No document is blamed for it (invariant 7).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.small_disk import sync_on_a_small_disk
from support.workspace import Workspace

Make = Callable[..., Workspace]
N_DOCUMENTS = 20


def text(number: int, edition: int) -> str:
    return f"Mill {number} ground {edition * number} sacks of rye in the year {edition}."


@pytest.fixture
def w(make_workspace: Make) -> Workspace:
    """Documents, and their next edition in the folder ``next``."""
    w = make_workspace()
    for n in range(N_DOCUMENTS):
        w.write(f"{n:02}.md", text(n, 1))
        w.write(f"../next/{n:02}.md", text(n, 2))
    return w


def on_disk(w: Workspace, store: str, at: str) -> None:
    settings = w.settings.store.model_copy(update={store: at})
    w.settings = w.settings.model_copy(update={"store": settings})


@pytest.mark.parametrize(
    ("store", "room_kb"),
    [
        ("lake", 0),
        pytest.param("lake", 100, marks=pytest.mark.long),
        ("index", 0),
        ("index", 60),
        pytest.param("index", 30, marks=pytest.mark.long),
        ("catalog", 0),
        pytest.param("catalog", 40, marks=pytest.mark.long),
    ],
)
def test_a_sync_that_runs_out_of_disk_is_made_good_by_the_next_one(w: Workspace, store: str, room_kb: int) -> None:
    disk = w.root / "disk"
    at = f"sqlite:///{disk}/catalog.db" if store == "catalog" else f"{disk}/{store}"
    on_disk(w, store, at)
    found = sync_on_a_small_disk(w, disk, room_kb)
    named = f"the index 'main_g1' at {at}" if store == "index" else f"the {store} at {at}"
    assert found.get("error", found) == (
        f"DiskFullError: {named} could not be written: its disk is full; make room, then run it again"
    )
    is_made_good(found)
    if store == "lake":
        assert [name for name in found["names"] if "#" in name] == [], "a half-written object was left"


def test_a_full_temporary_folder_costs_no_document(w: Workspace) -> None:
    disk = w.root / "disk"
    w.write("../next/mill.rtf", r"{\rtf1\ansi The mill of the valley grinds on.\par}")
    found = sync_on_a_small_disk(w, disk, 0, TMPDIR=str(disk))
    assert (found["full"], found["quarantine"]) == ("release 2 is live", 0)
    assert found["after"] == sorted([*(text(n, 2) for n in range(N_DOCUMENTS)), "The mill of the valley grinds on."])
    assert found["findings"] == []


def is_made_good(found: dict[str, Any]) -> None:
    first, second = (sorted([text(n, edition) for n in range(N_DOCUMENTS)]) for edition in (1, 2))
    assert (found["first"], found["again"]) == ("release 1 is live", "release 2 is live")
    assert (found["before"], found["meanwhile"]) == (first, first)
    assert (found["after"], found["findings"], found["unchanged"]) == (second, [], "unchanged")
    assert found["quarantine"] == 0
    assert [state for state in found["runs"] if state != "failed"] == ["published", "published"]
