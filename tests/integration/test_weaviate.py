"""A whole installation over a real Weaviate server: what the contract suite cannot see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from penstock import erasure, manifest, release
from penstock.catalog.schema import releases
from penstock.errors import StoreError, TransientError
from penstock.maintenance import prune, verify
from support.weaviate_server import OwnServer, emptied_afterwards, own_weaviate, require_weaviate, server_at
from support.workspace import WHO, Workspace

MakeWorkspace = Callable[..., Workspace]
ON_WEAVIATE = {"index": "weaviate"}
WORD = "zyzzyvaquux"
GONE_S = 60.0
"""The server drops a collection at once and deletes its files soon after."""


@pytest.fixture
def w(make_workspace: MakeWorkspace) -> Iterator[Workspace]:
    with emptied_afterwards(require_weaviate()) as settings:
        yield make_workspace(store=ON_WEAVIATE, weaviate=settings)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnServer]:
    with own_weaviate(tmp_path) as server:
        yield server


def live_alias(w: Workspace) -> str:
    """The collection that a program without penstock reads as the live one."""
    settings = w.settings.weaviate
    found = server_at(settings).client.alias.get(alias_name=f"{settings.prefix}main_live")
    assert found is not None
    return found.collection.removeprefix(settings.prefix)


def live(w: Workspace) -> int | None:
    with w.platform.catalog.read() as connection:
        return manifest.pointer(connection, "main")[0]


def digests(w: Workspace) -> list[tuple[int, str, int]]:
    with w.platform.catalog.read() as connection:
        rows = connection.execute(select(releases.c.number, releases.c.digest, releases.c.chunks))
        return sorted((row.number, row.digest, row.chunks) for row in rows)


def test_the_life_of_an_index(w: Workspace) -> None:
    w.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
    w.write("gates.md", "# Gates\n\nA gate holds water.\n")
    assert w.sync().state == "published"
    assert w.sync().state == "unchanged"
    w.write("pumps.md", "# Pumps\n\nA pump lifts water uphill.\n")
    w.sync()
    assert w.found("uphill", mode="text") == ["pumps.md"]
    assert w.found("uphill", mode="text", as_of=1) == []

    release.rollback(w.platform, "main", WHO, "the words are wrong")
    assert (live(w), w.found("uphill", mode="text")) == (1, [])
    release.resume(w.platform, "main", WHO, "they are right")
    assert (live(w), w.found("uphill", mode="text")) == (2, ["pumps.md"])

    w.allow("gates.md", ["group:dam"])
    assert w.sync().state == "unchanged"
    for as_of in (1, 2):
        assert w.found("gate", mode="text", as_of=as_of) == []
        assert w.found("gate", mode="text", as_of=as_of, principals=("group:dam",)) == ["gates.md"]
    assert verify(w.platform, "main") == []

    assert live_alias(w) == "main_g1_r1"
    w.reindex()
    assert live_alias(w) == "main_g3_r1"
    release.rollback(w.platform, "main", WHO, "back over the generations")
    assert live_alias(w) == "main_g1_r1"
    release.resume(w.platform, "main", WHO, "and forth")
    assert live_alias(w) == "main_g3_r1"

    certificate = erasure.erase(w.platform, "docs", "gates.md", WHO, "asked for")
    assert certificate["rows_erased"] == 2
    assert w.found("gate", mode="text", as_of=1, principals=("group:dam",)) == []
    assert live_alias(w) == "main_g3_r2", "erasing rewrote the collection and took its names along"
    assert verify(w.platform, "main") == []

    taken = prune(w.platform, "main", keep=1)
    assert (taken["releases"], taken["collections"]) == (2, 1)
    assert verify(w.platform, "main") == []
    assert w.found("pump", mode="text") == ["pumps.md"]


def test_a_name_that_leads_elsewhere_is_noticed_and_the_next_sync_mends_it(w: Workspace) -> None:
    w.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
    w.sync()
    w.reindex()
    settings = w.settings.weaviate
    server_at(settings).client.alias.update(
        alias_name=f"{settings.prefix}main_live", new_target_collection=f"{settings.prefix}main_g1_r1"
    )
    assert [one.what for one in verify(w.platform, "main")] == [
        "the store's own name for the live release leads elsewhere"
    ]
    w.sync()
    assert verify(w.platform, "main") == []
    assert live_alias(w) == "main_g2_r1"


def test_a_configuration_that_the_collection_differs_from_is_refused_by_name(w: Workspace) -> None:
    w.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
    w.sync()
    other = w.settings.weaviate.model_copy(update={"quantization": "none", "max_connections": 16})
    w.settings = w.settings.model_copy(update={"weaviate": other})
    w.platform = w.open()
    w.write("gates.md", "# Gates\n\nA gate holds water.\n")
    with pytest.raises(StoreError) as caught:
        w.sync()
    assert "is of another shape: max_connections is 32, wanted 16; quantization is rq-8, wanted none;" in str(
        caught.value
    )
    assert w.reindex().state == "published"
    assert w.sync().state == "published"


def test_a_server_that_goes_away_while_staging_leaves_the_live_release(
    own: OwnServer, make_workspace: MakeWorkspace
) -> None:
    def fill(w: Workspace) -> None:
        for n in range(150):
            w.write(f"more-{n}.md", "\n\n".join(f"# Part {m}\n\nText {m} of document {n}.\n" for m in range(8)))

    w = make_workspace(store=ON_WEAVIATE, weaviate=own.settings)
    twin = make_workspace("twin")
    for one in (w, twin):
        one.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
        one.sync()
        fill(one)
    twin.sync()
    seen: list[int] = []

    def kill() -> None:
        collection = w.open().collection("main_g1")
        while not (added := collection.staged(2)[0]):
            time.sleep(0.01)
        own.kill()
        seen.append(added)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(TransientError):
        w.sync()
    killer.join()
    assert seen
    assert live(w) == 1
    own.start()
    w.platform = w.open()
    assert w.found("pump lifts", mode="text") == ["pumps.md"]
    assert w.sync().release == 2
    assert digests(w) == digests(twin)
    assert verify(w.platform, "main") == []


def test_the_key_comes_from_the_environment_or_the_connection_and_is_in_no_message(
    tmp_path: Path, make_workspace: MakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": "the-right-key",
        "AUTHENTICATION_APIKEY_USERS": "penstock",
    }
    with own_weaviate(tmp_path, **keys) as server:
        w = make_workspace(store=ON_WEAVIATE, weaviate=server.settings)
        w.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
        for key in ("", "the-wrong-key"):
            monkeypatch.setenv("WEAVIATE_API_KEY", key)
            w.platform = w.open()
            with pytest.raises(
                StoreError, match="the server refuses the key, or the lack of one; set WEAVIATE_A"
            ) as caught:
                w.sync()
            assert "wrong" not in str(caught.value)
        monkeypatch.setenv("WEAVIATE_API_KEY", "the-right-key")
        w.platform = w.open()
        assert w.sync().state == "published"
        monkeypatch.setenv("WEAVIATE_API_KEY", "the-wrong-key")
        monkeypatch.setenv(
            "AIRFLOW_CONN_WEAVIATE_DEFAULT", '{"conn_type": "weaviate", "extra": {"token": "the-right-key"}}'
        )
        w.platform = w.open()
        assert w.found("pump", mode="text") == ["pumps.md"]


def test_erased_words_leave_the_servers_files(own: OwnServer, make_workspace: MakeWorkspace) -> None:
    w = make_workspace(store=ON_WEAVIATE, weaviate=own.settings)
    w.write("secret.md", f"# Pumps\n\nThe word is {WORD}.\n")
    w.write("pumps.md", "# Pumps\n\nA pump lifts water.\n")
    w.sync()
    w.write("secret.md", f"# Pumps\n\nThe word is {WORD}, still.\n")
    w.sync()
    assert own.files_with(WORD)
    erasure.erase(w.platform, "docs", "secret.md", WHO, "asked for")
    deadline = time.monotonic() + GONE_S
    while (left := own.files_with(WORD)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert left == []
    assert w.found("pump", mode="text") == ["pumps.md"]
    assert verify(w.platform, "main") == []
