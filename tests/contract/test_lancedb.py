"""What is true of the Lance backend alone: what lies in its files, and how writers that collide are told."""

from __future__ import annotations

import multiprocessing
import os
import threading
from dataclasses import replace
from pathlib import Path

import lancedb
import numpy as np
import pytest

from contract.index_rows import DIMENSION, Store, equal, keys, row, vector, write_often
from penstock.errors import StoreError, TransientError, UsageError
from penstock.ids import document_id
from penstock.index import open_index
from penstock.index.lance_files import UNDER_WAY_S
from penstock.index.lancedb import LanceIndex
from penstock.records import Query
from support.bucket import keep_stores_at, s3_client, s3_server

WORD = "zyzzyvaquux"
SECRET = document_id("files", "secret")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "index"))


def files_with(store: Store, word: str) -> list[Path]:
    return [path for path in Path(store.url).rglob("*") if path.is_file() and word.encode() in path.read_bytes()]


def content_files(store: Store, name: str) -> set[Path]:
    table = Path(store.url) / f"{name}.lance"
    return {path for part in ("data", "_indices") for path in (table / part).rglob("*") if path.is_file()}


def test_erased_text_is_in_no_file_and_in_no_older_version(store: Store) -> None:
    """Also the copies that pruning, replacing and a change of access left in files before."""
    index, name = store.make()
    index.add([row(f"doc-{n}") for n in range(300)])
    index.add([row("secret", f"{WORD} pruned", removed_in=2), row("secret", f"{WORD} now", added_in=2)])
    index.optimize()
    index.set_principals({SECRET: ("group:a",)})
    index.prune([2])
    index.add([replace(row("doc-0"), text=f"{WORD} replaced"), row("doc-0")])
    assert files_with(store, WORD)
    before = content_files(store, name)
    table = lancedb.connect(store.url).open_table(name)

    assert index.erase([SECRET]) == 1

    assert files_with(store, WORD) == []
    assert not before & content_files(store, name), "words of the erased text live on in an old search structure"
    assert len(table.list_versions()) == 1
    assert len(list(index.rows())) == 300
    assert keys(index.search(Query("doc", vector("x"), 2, k=500))) == keys(index.rows())


def test_erasing_again_after_a_crash_purges_what_is_left(store: Store) -> None:
    index, name = store.make()
    index.add([row("secret", WORD), row("a")])
    lancedb.connect(store.url).open_table(name).delete(f"document_id = '{SECRET}'")  # and then it was killed
    assert files_with(store, WORD)
    assert index.erase([SECRET]) == 0
    assert files_with(store, WORD) == []


def test_files_of_a_killed_write_are_swept_but_not_those_of_a_write_under_way(store: Store) -> None:
    index, name = store.make()
    index.add([row("a")])
    stray = Path(store.url) / f"{name}.lance" / "data" / "killed.lance"
    stray.write_text(WORD)
    with pytest.raises(TransientError) as caught:
        index.erase([SECRET])
    assert str(caught.value) == (
        "1 files of unfinished writes are at most 60 s old, the youngest 0 s; they may belong to a write under way, "
        "erase again in a minute"
    )
    assert stray.exists()
    long_ago = stray.stat().st_mtime - UNDER_WAY_S - 1
    os.utime(stray, (long_ago, long_ago))
    assert index.erase([SECRET]) == 0
    assert files_with(store, WORD) == []
    assert keys(index.rows()) == ["a"]


def test_optimize_keeps_old_versions_for_readers_under_way(store: Store) -> None:
    index, name = store.make()
    index.add([row("a")])
    reader = lancedb.connect(store.url).open_table(name)
    index.discard(1)
    index.optimize()
    assert reader.count_rows() == 1
    assert index.count(1) == 0


def test_a_search_asks_once_more_where_an_erasure_swept_its_files_away(store: Store) -> None:
    index, name = store.make()
    index.add([row(f"doc-{n}", "turbine") for n in range(30)])
    problems: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        reader = store.open(name)
        while not done.is_set():
            try:
                found = reader.search(Query("turbine", vector("x"), 1, k=50))
                assert set(keys(found)) >= {f"doc-{n}" for n in range(10, 30)}
            except BaseException as error:  # noqa: BLE001
                problems.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    for n in range(10):
        index.erase([document_id("files", f"doc-{n}")])
    done.set()
    thread.join()
    assert problems == []
    assert index.count(1) == 20


@pytest.fixture
def vectors(store: Store) -> LanceIndex:
    """3,000 rows with a vector index, of which one in a hundred is of department d7, and 100 not folded in."""
    index = LanceIndex(store.url, "vectors", vector_index_rows=1000)
    index.create(DIMENSION, ("department",))
    rows = [row(f"doc-{n}", fields={"department": f"d{n % 100}"}) for n in range(3000)]
    index.add(rows[:2900])
    index.optimize()
    index.add(rows[2900:])
    return index


def test_the_vector_index_answers_exactly_and_fills_k(vectors: LanceIndex) -> None:
    rows = list(vectors.rows(vectors=True))
    matrix = np.asarray([one.vector for one in rows])
    wanted = np.asarray(vector("question"))
    for where in ({}, {"department": "d7"}):
        order = [rows[n] for n in np.argsort(-(matrix @ wanted)) if not where or rows[n].fields == where]
        hits = vectors.search(Query("", list(wanted), 1, where=equal(where), k=30, mode="vector"))
        assert [hit.row.id for hit in hits] == [one.id for one in order[:30]]
        assert hits[0].score == pytest.approx(float(np.asarray(order[0].vector) @ wanted), abs=1e-5)


def test_erasing_leaves_no_file_of_the_vector_index(store: Store, vectors: LanceIndex) -> None:
    before = content_files(store, "vectors")
    vectors.erase([document_id("files", "doc-7")])
    assert not before & content_files(store, "vectors")
    hits = vectors.search(Query("", vector("question"), 1, where=equal({"department": "d7"}), k=50, mode="vector"))
    assert len(hits) == 29


def test_segments_of_search_structures_stay_few(store: Store) -> None:
    index = LanceIndex(store.url, "segments", vector_index_rows=1)
    index.create(DIMENSION, ())
    for n in range(30):
        index.add([row(f"doc-{n}-{m}") for m in range(20)])
        index.optimize()
    table = lancedb.connect(store.url).open_table("segments")
    indexed = ("text", "id", "document_id", "added_in", "removed_in", "principals", "vector")
    assert {one.columns[0]: one.num_unindexed_rows for one in table.list_indices()} == dict.fromkeys(indexed, 0)
    assert max(one.num_segments for one in table.list_indices()) <= 9


def test_what_is_changed_in_a_few_rows_leaves_the_others_folded_in(store: Store) -> None:
    index, name = store.make()
    rows = [row(f"doc-{n}") for n in range(200)]
    index.add(rows)
    index.optimize()
    index.retire([one.id for one in rows[:3]], 2)
    index.set_principals({one.document_id: ("group:a",) for one in rows[3:5]})
    table = lancedb.connect(store.url).open_table(name)
    assert max(one.num_unindexed_rows for one in table.list_indices()) == 5


def test_two_processes_that_write_lose_nothing(store: Store) -> None:
    index, name = store.make()
    index.add([row("shared")])
    context = multiprocessing.get_context("spawn")
    problems: multiprocessing.Queue[str] = context.Queue()
    children = [
        context.Process(target=write_often, args=(store.url, name, who, problems), daemon=True) for who in range(2)
    ]
    for child in children:
        child.start()
    assert [problems.get(timeout=60) for _ in children] == ["", ""]
    for child in children:
        child.join(10)
    assert index.count(1) == 1 + 2 * 8 * 3
    assert index.staged(2) == (0, 2 * 8)


def test_a_collision_that_lance_gives_up_on_is_transient(store: Store) -> None:
    """Compaction is the one write that Lance does not repeat by itself."""
    index, _ = store.make()
    collisions: list[TransientError] = []
    done = threading.Event()

    def access() -> None:
        n = 0
        while not done.is_set():
            n += 1
            index.set_principals({document_id("files", f"doc-{m}"): (f"user:{n}",) for m in range(50)})

    index.add([row(f"doc-{n}") for n in range(50)])
    thread = threading.Thread(target=access)
    thread.start()
    for n in range(60):
        try:
            index.add([row(f"more-{n}")])
            index.optimize()
        except TransientError as error:
            collisions.append(error)
            break
    done.set()
    thread.join()
    assert collisions
    assert "another writer was faster, try again: " in str(collisions[0])


@pytest.mark.parametrize(
    ("url", "collection", "message"),
    [
        ("x", "../up", "'../up' cannot name a collection; use letters, digits, '-' and '_', a letter first"),
        ("gs://b", "a", "no index store for 'gs://b'; give a local folder, s3://bucket/prefix or 'weaviate'"),
    ],
)
def test_addresses_that_will_not_do(url: str, collection: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_index(url, collection)
    assert str(caught.value) == message


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot look for the index 'a' at .* Not a directory"):
        open_index(str(tmp_path / "file" / "index"), "a").create(DIMENSION, ())


def test_a_bucket_holds_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3_server() as url:
        keep_stores_at(monkeypatch, url)
        client = s3_client(url)
        client.create_bucket(Bucket="bucket")
        index, name = Store("s3://bucket/some/index").make()
        index.add([row("secret", WORD), row("a", "turbine")])
        index.optimize()
        assert keys(index.search(Query("turbine", vector("x"), 1))) == ["a", "secret"]
        before = {item["Key"] for item in client.list_objects_v2(Bucket="bucket")["Contents"]}
        assert index.erase([SECRET]) == 1
        after = {item["Key"] for item in client.list_objects_v2(Bucket="bucket")["Contents"]}
        assert not [key for key in before & after if "/data/" in key or "/_indices/" in key]
        assert all(WORD.encode() not in client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in after)
        index.drop()
        assert not index.exists()
        assert "Contents" not in client.list_objects_v2(Bucket="bucket", Prefix=f"some/index/{name}.lance")
