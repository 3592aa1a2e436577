"""An index moves to another store: nothing is embedded again, nothing is lost, and nobody reads the wrong store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from penstock import erasure, moving
from penstock.catalog.schema import runs
from penstock.errors import ConfigError, StoreError, UsageError
from penstock.maintenance import verify
from penstock.platform import Platform
from penstock.release import rollback
from support.weaviate_server import emptied_afterwards, require_weaviate
from support.workspace import WHO, Workspace

MakeWorkspace = Callable[..., Workspace]


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("{hom}/x", "only {home} stands for something; no other brace may stand there"),
        ("weavate", "did you mean 'weaviate'? A folder of the name 'weavate' is './weavate'"),
    ],
)
def test_a_store_that_is_none_is_not_moved_to(to: str, said: str, workspace: Workspace) -> None:
    with pytest.raises(UsageError) as caught:
        moving.move(workspace.platform, "main", to)
    assert str(caught.value) == f"{to!r} names no store of an index: {said}"


@pytest.fixture(params=["lancedb", "weaviate"])
def elsewhere(request: pytest.FixtureRequest, make_workspace: MakeWorkspace) -> Iterator[tuple[Workspace, str]]:
    """A workspace in a folder, with two releases, and the address of another store."""
    if request.param == "lancedb":
        w = make_workspace()
        yield _two_releases(w), str(w.root / "elsewhere")
        return
    with emptied_afterwards(require_weaviate()) as settings:
        yield _two_releases(make_workspace(weaviate=settings)), "weaviate"


def _two_releases(w: Workspace) -> Workspace:
    w.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
    w.write("gates.md", "# Gates\n\nA gate holds water.\n")
    w.allow("gates.md", ["group:dam"])
    w.sync()
    w.write("pumps.md", "# Pumps\n\nA pump lifts water uphill.\n")
    w.sync()
    return w


def everything(w: Workspace, platform: Platform) -> list[Any]:
    rows = platform.collection("main_g1").rows(vectors=True)
    return sorted((replace(row, vector=tuple(map(float, row.vector))) for row in rows), key=lambda row: row.id)


def kinds(w: Workspace) -> list[str]:
    with w.platform.catalog.read() as connection:
        return list(connection.execute(select(runs.c.kind).order_by(runs.c.id)).scalars())


def test_there_and_back_with_every_release_and_nothing_embedded(elsewhere: tuple[Workspace, str]) -> None:
    w, other = elsewhere
    here = w.settings.index_url
    before = everything(w, w.platform)

    moved = moving.move(w.platform, "main", other)
    assert (moved["collections"], moved["releases"], moved["rows"]) == (1, 2, len(before))

    w.change_store(other)
    assert everything(w, w.platform) == before
    assert verify(w.platform, "main") == []
    assert w.found("uphill") == ["pumps.md"]
    assert w.found("water", principals=("group:dam",), as_of=1) == w.found("water", principals=("group:dam",))
    w.write("pumps.md", "# Pumps\n\nA pump lifts water uphill and over.\n")
    assert w.sync().counts["embedded"] == 1
    rollback(w.platform, "main", WHO, "to see that it can", to=1)
    assert verify(w.platform, "main") == []

    moving.move(w.platform, "main", here)
    w.change_store(here)
    assert verify(w.platform, "main") == []
    assert w.found("lifts") == ["pumps.md"]
    assert w.sync().counts.get("embedded", 0) == 0


def test_nobody_writes_or_reads_the_store_that_was_left(elsewhere: tuple[Workspace, str]) -> None:
    w, other = elsewhere
    moving.move(w.platform, "main", other)
    late = w.open()
    for use in (lambda: w.sync(), lambda: w.found("water"), lambda: w.reindex()):
        w.platform = w.open()
        with pytest.raises(ConfigError, match=r"index 'main' was moved to '.*'; set store.index to that"):
            use()
    w.change_store(other)
    assert w.found("uphill") == ["pumps.md"]
    late.close()


def test_the_old_copy_stays_until_it_is_dropped_and_stands_in_the_way_of_forgetting(
    elsewhere: tuple[Workspace, str],
) -> None:
    w, other = elsewhere
    old = w.platform.collection_at(w.settings.index_url, "main_g1")
    moving.move(w.platform, "main", other)
    with pytest.raises(ConfigError):
        moving.drop_moved(w.platform, "main")
    w.change_store(other)
    with pytest.raises(UsageError, match=r"its old copy in '.*' still holds the document; drop that first"):
        erasure.erase(w.platform, "docs", "pumps.md", WHO, "asked for")
    assert old.exists()
    assert moving.drop_moved(w.platform, "main")["collections"] == 1
    assert not old.exists()
    with pytest.raises(UsageError, match="what it was moved from was dropped already"):
        moving.drop_moved(w.platform, "main")
    assert erasure.erase(w.platform, "docs", "pumps.md", WHO, "asked for")["rows_erased"] > 0
    assert verify(w.platform, "main") == []


def test_a_move_that_was_killed_begins_anew(elsewhere: tuple[Workspace, str]) -> None:
    w, other = elsewhere
    source, target = w.platform.collection("main_g1"), w.platform.collection_at(other, "main_g1")
    target.create(256, ("team",))
    stray = [replace(row, key="stray") for row in list(source.rows(vectors=True))[:1]]
    target.add(stray)
    moving.move(w.platform, "main", other)
    w.change_store(other)
    assert "stray" not in {row.key for row in w.platform.collection("main_g1").rows()}
    assert verify(w.platform, "main") == []


def test_what_is_not_whole_does_not_move(elsewhere: tuple[Workspace, str]) -> None:
    w, other = elsewhere
    lost = next(iter(w.platform.collection("main_g1").rows(2)))
    w.platform.collection("main_g1").erase([lost.document_id])
    with pytest.raises(StoreError, match=r"release 1 of 'main' has 1 row of digest .*; the index did not move"):
        moving.move(w.platform, "main", other)
    assert kinds(w)[-1] == "move"
    assert w.found("water", principals=("group:dam",)), "readers go on where they were"


def test_a_changed_configuration_is_no_empty_index(elsewhere: tuple[Workspace, str]) -> None:
    w, other = elsewhere
    here = w.settings.index_url
    w.change_store(other)
    with pytest.raises(StoreError, match=r"has no collection 'main_g1', .*`penstock move main --from OLD --to"):
        w.sync()
    with pytest.raises(StoreError):
        erasure.erase(w.platform, "docs", "pumps.md", WHO, "asked for")
    moving.move(w.platform, "main", other, from_=here)
    assert w.found("uphill") == ["pumps.md"]
    assert verify(w.platform, "main") == []


def test_a_move_to_where_it_is_does_nothing(workspace: Workspace) -> None:
    _two_releases(workspace)
    with pytest.raises(UsageError, match="is where 'main' would be moved from; name another store"):
        moving.move(workspace.platform, "main", "{home}/index")
