"""What is true of the Weaviate backend alone: names, the server's answers, its limits, what a collection is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from weaviate.classes.config import Configure
from weaviate.exceptions import WeaviateInsertManyAllFailedError

from contract.index_rows import FIELDS, WeaviateStore, equal, keys, row, vector
from penstock.errors import StoreError, TransientError
from penstock.index.weaviate_rows import stored, to_object
from penstock.index.weaviate_schema import VECTOR, encoded, property_of
from penstock.index.weaviate_writing import insert
from penstock.records import Query
from support.weaviate_server import emptied_afterwards, require_weaviate, server_at


@pytest.fixture(scope="module")
def store() -> Iterator[WeaviateStore]:
    with emptied_afterwards(require_weaviate()) as settings:
        yield WeaviateStore(settings=settings)


def collections(store: WeaviateStore) -> set[str]:
    """This store's own: other tests use the same server."""
    names = server_at(store.settings).client.collections.list_all(simple=True)
    return {name for name in names if name.startswith(store.settings.prefix)}


def test_what_the_server_does_not_take_is_named_with_its_reason(store: WeaviateStore) -> None:
    index, name = store.make()
    index.add([row("a")])
    collection = server_at(store.settings).client.collections.use(store.settings.prefix + encoded(name))
    bad = [replace(row(f"bad-{n}"), vector=vector("x", 5)) for n in range(2)]
    with pytest.raises(StoreError) as caught:
        insert(collection, [row("b"), *bad], {})
    assert str(caught.value).startswith("the server did not take 2 of 3 rows: ")
    for one in bad:
        assert f"{one.id}: " in str(caught.value)
    assert bad[0].text not in str(caught.value)
    with pytest.raises(StoreError, match="the server did not take 2 of 2 rows: "):
        insert(collection, bad, {})
    assert keys(index.rows()) == ["a", "b"]


@pytest.mark.long
def test_deleting_goes_on_past_the_servers_limit(store: WeaviateStore) -> None:
    index, _ = store.make()
    index.add([row(f"doc-{n}", added_in=2) for n in range(10_500)])
    index.add([row("stays")])
    assert index.staged(2) == (10_500, 0)
    index.discard(2)
    assert index.staged(2) == (0, 0)
    assert keys(index.rows()) == ["stays"]


def test_a_late_writer_makes_no_collection_of_its_own(store: WeaviateStore) -> None:
    """The server makes a collection of an unknown name, so a name that was taken away must stay known."""
    index, name = store.make()
    late = index.writer()
    late.add([row("a")])
    index.fence()
    before = collections(store)
    late_name = f"{store.settings.prefix}{encoded(name)}_w1"
    with pytest.raises(TransientError, match="another writer was faster"):
        late.add([row("b")])
    # Also a request that was under way past every question: it is the server that refuses.
    under_way = server_at(store.settings).client.collections.use(late_name)
    with pytest.raises(WeaviateInsertManyAllFailedError, match="has multi-tenancy enabled"):
        under_way.data.insert_many([to_object(row("c"), {})])
    assert collections(store) == before
    index.drop()
    with pytest.raises(WeaviateInsertManyAllFailedError, match="has multi-tenancy enabled"):
        under_way.data.insert_many([to_object(row("c"), {})])
    assert late_name not in collections(store)


def test_a_program_without_penstock_reads_the_live_name(store: WeaviateStore) -> None:
    index, _ = store.make()
    index.add([row("a", "turbine"), row("old", "turbine", removed_in=2)])
    assert not index.is_named_live("handbook")
    index.name_live("handbook")
    index.name_live("handbook")
    assert index.is_named_live("handbook")
    client = server_at(store.settings).client
    found = client.collections.use(f"{store.settings.prefix}handbook_live").query.bm25("turbine", limit=9)
    assert sorted(str(one.properties["key"]) for one in found.objects) == ["a", "old"]
    other, _ = store.make()
    other.name_live("handbook")
    assert (index.is_named_live("handbook"), other.is_named_live("handbook")) == (False, True)


def test_erasing_takes_every_name_along_and_leaves_one_collection(store: WeaviateStore) -> None:
    index, name = store.make()
    index.name_live("manual")
    late = index.writer()
    index.add([row("secret"), row("a")])
    assert index.erase([row("secret").document_id]) == 1
    mine = {one for one in collections(store) if one.startswith(store.settings.prefix + encoded(name) + "_")}
    assert mine == {f"{store.settings.prefix}{encoded(name)}_r2"}
    assert index.is_named_live("manual")
    with pytest.raises(TransientError):
        late.add([row("late")])
    index.writer().add([row("b")])
    assert keys(index.rows()) == ["a", "b"]


@pytest.mark.parametrize("blank", [" padded ", "", " ", '"', '"quoted"', "\u00a0x", "plain"])
def test_values_that_differ_in_blanks_alone_are_different(store: WeaviateStore, blank: str) -> None:
    index, _ = store.make()
    index.add([row("a", fields={"department": blank}), row("b", fields={"department": blank.strip() + "x"}), row("c")])
    assert [one.fields for one in index.get([row("a").id])] == [{"department": blank}]
    assert keys(index.search(Query("text", vector("x"), 1, where=equal({"department": blank})))) == ["a"]
    if blank.strip() != blank:
        assert index.search(Query("text", vector("x"), 1, where=equal({"department": blank.strip()}))) == []


def test_a_collection_without_its_name_is_no_empty_index(store: WeaviateStore) -> None:
    index, name = store.make()
    index.add([row("a")])
    reading = store.settings.prefix + encoded(name)
    server_at(store.settings).client.alias.delete(alias_name=reading)
    with pytest.raises(StoreError, match=f"{reading}_r1 at .* holds 1 rows, but no alias {reading} leads to it"):
        index.create(8, FIELDS)


def test_settings_of_the_server_are_compared_too(store: WeaviateStore) -> None:
    index, name = store.make()
    other = replace(store, settings=store.settings.model_copy(update={"ef": 64, "quantization": "none"})).open(name)
    with pytest.raises(StoreError, match=r"of another shape: ef is -1, wanted 64; quantization is rq-8, wanted none;"):
        other.create(8, FIELDS)
    index.create(8, FIELDS)


@pytest.mark.parametrize(("quantization", "kept"), [("none", None), ("rq-8", 8), ("rq-1", 1)])
def test_what_is_configured_reaches_the_server(store: WeaviateStore, quantization: str, kept: int | None) -> None:
    """As its own REST API shows it."""
    tuned = {"ef": 77, "ef_construction": 99, "max_connections": 21, "flat_search_cutoff": 1234}
    here = replace(store, settings=store.settings.model_copy(update={**tuned, "quantization": quantization}))
    name = f"tuned-{quantization}"
    index = here.open(name)
    index.create(8, FIELDS)
    address = f"{store.settings.http}/v1/schema/{store.settings.prefix}{encoded(name)}_r1"
    made = httpx.get(address, timeout=60).raise_for_status().json()
    vectors = made["vectorConfig"]["default"]
    assert vectors["vectorizer"] == {"none": {}}
    assert vectors["vectorIndexType"] == "hnsw"
    of_server = ("ef", "efConstruction", "maxConnections", "flatSearchCutoff", "distance")
    assert [vectors["vectorIndexConfig"][one] for one in of_server] == [*tuned.values(), "dot"]
    rotation = vectors["vectorIndexConfig"]["rq"]
    assert rotation["enabled"] == (kept is not None)
    assert kept is None or rotation["bits"] == kept
    assert made["replicationConfig"]["factor"] == 1
    properties = {one["name"]: one for one in made["properties"]}
    assert [name for name, one in properties.items() if one["indexSearchable"]] == ["text"]
    assert all(properties[one]["indexRangeFilters"] for one in ("added_in", "removed_in"))
    assert properties["principals"]["dataType"] == ["text[]"]
    rows = [row(f"doc-{n}") for n in range(50)]
    index.add(rows)
    assert keys(index.search(Query("", rows[7].vector, 1, k=1, mode="vector"))) == ["doc-7"]


def test_more_replicas_than_there_are_nodes_is_an_error_of_the_configuration(store: WeaviateStore) -> None:
    many = replace(store, settings=store.settings.model_copy(update={"replication_factor": 3}))
    with pytest.raises(StoreError, match=r"cannot create the index 'thrice' at .*: .*replica"):
        many.open("thrice").create(8, FIELDS)


FOREIGN: dict[str, tuple[dict[str, Any], str]] = {
    "no vector of that name": (
        {"vector_config": Configure.Vectors.self_provided(name="other")},
        "vectors is other, wanted default",
    ),
    "another index": (
        {
            "vector_config": Configure.Vectors.self_provided(
                name=VECTOR, vector_index_config=Configure.VectorIndex.flat()
            )
        },
        "vector index is flat, wanted hnsw",
    ),
    "stop words": ({"inverted_index_config": Configure.inverted_index()}, "stop words is en, wanted none"),
    "tenants": ({"multi_tenancy_config": Configure.multi_tenancy(enabled=True)}, "tenants is apart, wanted none"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_collection_of_somebody_elses_is_told_apart_by_name(store: WeaviateStore, kind: str) -> None:
    options, difference = FOREIGN[kind]
    client, name = server_at(store.settings).client, f"foreign-{kind.replace(' ', '-')}"
    reading = store.settings.prefix + encoded(name)
    client.collections.create(f"{reading}_r1", **options)
    client.alias.create(alias_name=reading, target_collection=f"{reading}_r1")
    with pytest.raises(StoreError, match=f"is of another shape: .*{difference}; .*build a new generation beside it"):
        store.open(name).create(8, FIELDS)


def test_names_and_values_never_meet() -> None:
    names = ["cost-centre", "cost_centre", "costX2dcentre", "Cost-centre", "a_w1", "a-w1"]
    assert len({encoded(name).lower() for name in names}) == len(names)
    assert property_of("source") == "source"
    assert property_of("text") == "field_text"
    values = ["", '""', " ", '" "', "a", " a", "a ", '"a"', '"a', "\\"]
    assert len({stored(value).strip() for value in values}) == len(values)
