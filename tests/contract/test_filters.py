"""Filters in every backend: exactly what they say, and nothing that a reader may not see."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.filter_model import TYPES, Asked, Document, documents, filters
from contract.index_rows import DIMENSION, Store, WeaviateStore, asked, keys, row, vector
from penstock.errors import StoreError, UsageError
from penstock.filters import Comparison
from penstock.index.base import VectorIndex
from penstock.index.rules import MODES
from penstock.records import Query
from support.weaviate_server import emptied_afterwards, require_weaviate

READERS = (("public",), ("group:a",), ("nobody",))


@pytest.fixture(scope="module", params=("lancedb", "weaviate"))
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "lancedb":
        yield Store(str(tmp_path_factory.mktemp("lancedb") / "index"))
        return
    with emptied_afterwards(require_weaviate()) as server:
        yield WeaviateStore(settings=server)


@pytest.fixture(scope="module")
def shared(store: Store) -> VectorIndex:
    """One collection for every example: each has a release of its own."""
    return store.make(fields=TYPES)[0]


@pytest.fixture
def index(store: Store) -> VectorIndex:
    return store.make(fields=TYPES)[0]


def found(index: VectorIndex, text: str, release: int = 1, who: Sequence[str] = ("public",), **more: str) -> list[str]:
    query = Query("text", vector("x"), release, tuple(who), asked(text, TYPES), k=100, **more)  # type: ignore[arg-type]
    return keys(index.search(query))


RELEASES = itertools.count(1)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(docs=documents(), wanted=st.lists(filters(), min_size=3, max_size=5))
def test_a_store_finds_exactly_what_a_filter_says_among_what_the_reader_may_see(
    shared: VectorIndex, docs: list[Document], wanted: list[Asked]
) -> None:
    release = next(RELEASES)
    rows = [
        row(f"doc-{n}", fields=doc, principals=READERS[n % 3], added_in=release, removed_in=release + 1)
        for n, doc in enumerate(docs)
    ]
    shared.add(rows)
    if release % 5 == 0:
        shared.optimize()
    readers = itertools.cycle(((("public",), "vector"), (("group:a", "nobody"), "hybrid"), (("group:a",), "text")))
    for one, (who, mode) in zip(wanted, readers, strict=False):
        seen = [doc for doc in rows if {*who, "public"} - {"nobody"} & set(doc.principals)]
        assert found(shared, one.text, release, who, mode=mode) == keys(doc for doc in seen if one.holds(doc.fields))


def test_no_filter_shows_what_its_reader_may_not_see_or_another_release_holds(index: VectorIndex) -> None:
    index.add([row("open", fields={"author": "ann"}), row("closed", fields={"author": "bo"}, principals=("group:a",))])
    index.add([row("gone", fields={"author": "bo"}, removed_in=1 + 1), row("later", added_in=3)])
    everything = "author = 'ann' or author != 'ann' or key exists or not key = 'open'"
    for mode in MODES:
        assert found(index, everything, 2, mode=mode) == ["open"]
        assert found(index, everything, 2, ("group:a",), mode=mode) == ["closed", "open"]
        assert found(index, r"author = 'x\') OR (1 = 1) --'", 2, mode=mode) == []
    index.erase([row("open").document_id])
    assert found(index, everything, 2) == []


def test_what_metadata_says_is_kept_as_it_was_written(index: VectorIndex) -> None:
    said = {"author": "", "cost-centre": " 02024.50 ", "day": "2024-05-01T10:00:00+02:00", "tags": '["b", "a", "b"]'}
    odd = {"author": "x", "cost-centre": "abc", "day": "soon", "tags": ","}
    index.add([row("said", fields=said), row("odd", fields=odd), row("silent")])
    assert {one.key: one.fields for one in index.rows()} == {"said": said, "odd": odd, "silent": {}}
    assert found(index, "cost-centre = 2024.5 and day = 2024-05-01T08:00Z and tags = 'a' and author = ''") == ["said"]
    for name in ("cost-centre", "day", "tags"):
        assert found(index, f"{name} is missing") == ["odd", "silent"]
    assert found(index, "cost-centre != 7 and day != 2024 and author not in ('')") == ["odd", "silent"]


def test_a_type_is_part_of_a_collections_shape(store: Store) -> None:
    index, _ = store.make(fields=TYPES)
    index.create(DIMENSION, dict(reversed(TYPES.items())))
    with pytest.raises(StoreError) as caught:
        index.create(DIMENSION, tuple(TYPES))
    for name in ("number_", "date_", "texts_"):
        assert name in str(caught.value)
    query = Query("text", vector("x"), 1, where=Comparison("cost-centre", "text", "in", ("7",)))
    with pytest.raises(UsageError, match=r"^the filter takes 'cost-centre' for text; here it is number$"):
        index.search(query)


def test_a_long_filter_and_a_deep_one_are_answered(index: VectorIndex) -> None:
    index.add([row(f"doc-{n}", fields={"cost-centre": str(n)}) for n in range(30)])
    assert len(found(index, " or ".join(f"cost-centre={n}" for n in range(400)))) == 30
    assert len(found(index, f"cost-centre in ({', '.join(map(str, range(1000)))})")) == 30
    deep = "cost-centre >= 1"
    for n in range(16):
        deep = f"({deep}) {('and', 'or')[n % 2]} not cost-centre = {n + 40}"
    assert len(found(index, deep)) == 30
