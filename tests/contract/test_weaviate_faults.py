"""A Weaviate server that cannot take a write now, or that indexes later than it answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.index_rows import WeaviateStore, keys, row
from penstock.errors import TransientError
from penstock.index.base import VectorIndex
from penstock.index.weaviate_schema import encoded
from penstock.records import Query
from support.weaviate_server import emptied_afterwards, own_weaviate, require_weaviate, server_at

WRITES: dict[str, Callable[[VectorIndex], object]] = {
    "add": lambda index: index.add([row("a"), row("new")]),
    "retire": lambda index: index.retire([row("a").id, row("b").id], 2),
    "set principals": lambda index: index.set_principals({row("a").document_id: ("group:a",)}),
    "discard": lambda index: index.discard(3),
    "prune": lambda index: index.prune([1]),
}


@pytest.fixture(scope="module")
def store() -> Iterator[WeaviateStore]:
    with emptied_afterwards(require_weaviate()) as settings:
        yield WeaviateStore(settings=settings)


def filled(store: WeaviateStore) -> tuple[VectorIndex, str]:
    index, name = store.make()
    index.add([row("a"), row("b"), row("later", added_in=3)])
    return index, name


@contextmanager
def read_only(store: WeaviateStore, name: str, for_s: float | None = None) -> Iterator[None]:
    """The server refuses every object of every write, as it does where its disk or memory is nearly full."""
    shards = server_at(store.settings).client.collections.use(f"{store.settings.prefix}{encoded(name)}_r1").config
    shards.update_shards("READONLY")
    again = threading.Timer(for_s or 0, lambda: shards.update_shards("READY"))
    if for_s is not None:
        again.start()
    try:
        yield
    finally:
        if for_s is not None:
            again.join()
        shards.update_shards("READY")


@pytest.mark.parametrize("write", WRITES)
def test_what_the_server_cannot_take_now_is_tried_again(store: WeaviateStore, write: str) -> None:
    index, name = filled(store)
    twin, _ = filled(store)
    WRITES[write](twin)
    with read_only(store, name, for_s=0.3):
        WRITES[write](index)
    assert sorted(map(repr, index.rows())) == sorted(map(repr, twin.rows()))


@pytest.mark.long
@pytest.mark.parametrize(
    ("write", "said"),
    [
        ("add", r"the server did not delete 1 rows, {a} among them: .*store is read-only"),
        ("retire", r"the server did not change 2 of 2 rows: ({a}|{b}): .*store is read-only.*; ({a}|{b}): "),
        ("discard", r"the server did not delete 1 rows, {later} among them: .*store is read-only"),
    ],
)
def test_what_the_server_never_takes_is_named_and_worth_another_run(
    store: WeaviateStore, write: str, said: str
) -> None:
    index, name = filled(store)
    before = sorted(map(repr, index.rows()))
    ids = {"a": row("a").id, "b": row("b").id, "later": row("later", added_in=3).id}
    with read_only(store, name), pytest.raises(TransientError, match=said.format(**ids)):
        WRITES[write](index)
    assert sorted(map(repr, index.rows())) == before
    WRITES[write](index)
    assert sorted(map(repr, index.rows())) != before


def test_settling_waits_for_what_the_server_indexes_later(tmp_path: Path) -> None:
    with own_weaviate(tmp_path, ASYNC_INDEXING="true") as own:
        # Without a cutoff a filtered search goes by the graph, which is what is built later.
        store = WeaviateStore(settings=own.settings.model_copy(update={"flat_search_cutoff": 0}))
        index, _ = store.make()
        for turn in range(3):
            rows = [row(f"doc-{turn}-{n}") for n in range(300)]
            index.add(rows)
            index.settle()
            for one in rows[-20:]:
                nearest = index.search(Query("", one.vector, 1, k=1, mode="vector"))
                assert keys(nearest) == [one.key]
        server_at(store.settings).close()


def test_a_server_that_does_not_come_to_index_is_named(tmp_path: Path) -> None:
    with own_weaviate(tmp_path, ASYNC_INDEXING="true", QUEUE_SCHEDULER_INTERVAL="1h") as own:
        store = WeaviateStore(settings=own.settings.model_copy(update={"settle_s": 0.5}))
        index, _ = store.make()
        index.add([row(f"doc-{n}") for n in range(20)])
        with pytest.raises(TransientError) as caught:
            index.settle()
        assert str(caught.value) == (
            "20 vectors of 'c-0' are still not indexed after 0.5 s (weaviate.settle_s); nothing was published, "
            "try again"
        )
        server_at(store.settings).close()
