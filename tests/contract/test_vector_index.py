"""What every backend of the VectorIndex port does, statement by statement. A new backend joins ``BACKENDS``."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.index_rows import DIMENSION, FIELDS, Store, WeaviateStore, equal, keys, read_on_demand, row, vector
from penstock.errors import StoreError, TransientError, UnknownFieldError, UsageError
from penstock.filters import Comparison
from penstock.ids import document_id
from penstock.index.base import VectorIndex
from penstock.index.rules import MODES, found_within, fused
from penstock.records import OPEN_END, IndexRow, Query
from support.weaviate_server import emptied_afterwards, require_weaviate

BACKENDS = ("lancedb", "weaviate")
ODD_STRINGS = ("O'Brien", "' OR 1=1 --", "\\' OR 1=1 --", "a\\", '"', "`", "%_*", "{}$1?", "é😀", "line\nbreak", "''")


@pytest.fixture(scope="module", params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "lancedb":
        yield Store(str(tmp_path_factory.mktemp("lancedb") / "index"))
        return
    with emptied_afterwards(require_weaviate()) as settings:
        yield WeaviateStore(settings=settings)


@pytest.fixture
def index_factory(store: Store) -> Callable[..., VectorIndex]:
    """A new, empty collection at every call."""
    return lambda *args, **kwargs: store.make(*args, **kwargs)[0]


@pytest.fixture
def index(index_factory: Callable[..., VectorIndex]) -> VectorIndex:
    return index_factory()


def plain(rows: object) -> list[IndexRow]:
    """Rows by id, without vectors, for comparison."""
    return sorted((replace(one, vector=()) for one in rows), key=lambda one: one.id)  # type: ignore[attr-defined]


# -- create, exists, drop ---------------------------------------------------------------------------------------------


def test_create_may_be_repeated_and_keeps_what_is_there(index: VectorIndex) -> None:
    index.add([row("a")])
    index.create(DIMENSION, FIELDS)
    index.create(DIMENSION, tuple(reversed(FIELDS)))
    assert index.count(1) == 1


def test_create_names_each_difference(index: VectorIndex) -> None:
    with pytest.raises(StoreError) as caught:
        index.create(DIMENSION + 1, ("department", "region"))
    for name in ("vector", "region", "cost-centre"):
        assert name in str(caught.value)
    assert "department" not in str(caught.value)


def test_exists_and_drop(store: Store) -> None:
    index = store.open("not-yet")
    assert not index.exists()
    index.drop()
    index.create(DIMENSION, ())
    assert index.exists()
    assert store.open("not-yet").exists()
    index.drop()
    assert not index.exists()
    index.create(DIMENSION + 1, ())
    assert list(index.rows()) == []


@pytest.mark.parametrize(
    "use",
    [
        lambda index: index.add([row("a")]),
        lambda index: index.retire(["x"], 2),
        lambda index: index.discard(1),
        lambda index: index.set_principals({"d": ("public",)}),
        lambda index: index.count(1),
        lambda index: index.staged(1),
        lambda index: list(index.rows()),
        lambda index: list(index.document_rows(["d"], 1)),
        lambda index: index.get(["x"]),
        lambda index: index.search(Query("a", vector("a"), 1)),
        lambda index: index.prune([1]),
        lambda index: index.erase(["d"]),
        lambda index: index.optimize(),
    ],
)
def test_a_missing_collection_is_named_with_its_remedy(store: Store, use: Callable[[VectorIndex], object]) -> None:
    with pytest.raises(StoreError, match=r"'never-made' at .* it does not exist; `penstock verify` says what to do"):
        use(store.open("never-made"))


# -- add --------------------------------------------------------------------------------------------------------------


def test_a_row_comes_back_as_it_was_put_in(index: VectorIndex) -> None:
    rows = [
        row(
            odd,
            text=f"text {odd}",
            title=odd,
            headings=(odd, "x"),
            fields={"department": odd},
            principals=(odd.strip(),),
        )
        for odd in ODD_STRINGS
    ]
    rows += [row("no headings", headings=()), row("both", fields={"department": "a", "cost-centre": "b"})]
    index.add(rows)
    assert plain(index.rows()) == plain(rows)
    assert all(len(one.vector) == 0 for one in index.rows())
    vectors = {one.id: one.vector for one in index.rows(vectors=True)}
    assert all(np.array_equal(np.float32(vectors[one.id]), np.float32(one.vector)) for one in rows)


def test_adding_again_changes_nothing_and_the_same_id_is_replaced(index: VectorIndex) -> None:
    first = [row("a"), row("b"), row("c")]
    index.add(first)
    index.add(first)
    assert plain(index.rows()) == plain(first)
    better = replace(first[0], title="Better", removed_in=2, vector=vector("other"))
    index.add([better, row("d")])
    assert plain(index.rows()) == plain([better, *first[1:], row("d")])


def test_of_equal_ids_in_one_call_the_last_wins(index: VectorIndex) -> None:
    index.add([row("a"), replace(row("a"), title="Last")])
    assert [one.title for one in index.rows()] == ["Last"]
    index.add([])
    assert index.count(1) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"vector": [1.0]}, "its vector has 1 numbers, the index 8"),
        ({"vector": [float("nan")] * DIMENSION}, "its vector holds a number that is not finite"),
        ({"principals": ()}, "the list of principals is empty; write ['public'] or ['nobody']"),
        ({"principals": ("nobody", "group:a")}, "'nobody' stands alone, not beside ['group:a']"),
        ({"fields": {"colour": "red"}}, "field 'colour' is not declared; declared are: cost-centre, department"),
        ({"removed_in": 1}, "no release lies in added_in 1 <= r < removed_in 1"),
    ],
)
def test_rows_that_will_not_do_are_named_and_none_is_written(
    index: VectorIndex, change: dict[str, object], problem: str
) -> None:
    bad = replace(row("bad"), **change)  # type: ignore[arg-type]
    with pytest.raises(StoreError) as caught:
        index.add([row("good"), bad])
    assert str(caught.value) == f"1 faults in 2 rows, none was written: {bad.id}: {problem}"
    assert list(index.rows()) == []


# -- releases ---------------------------------------------------------------------------------------------------------


def test_a_release_sees_rows_from_added_in_until_before_removed_in(index: VectorIndex) -> None:
    old, kept, new = row("old"), row("kept"), row("new", added_in=3)
    index.add([old, kept, new])
    index.retire([old.id], 3)
    for release, seen in {
        0: [],
        1: ["kept", "old"],
        2: ["kept", "old"],
        3: ["kept", "new"],
        9: ["kept", "new"],
    }.items():
        assert keys(index.rows(release)) == seen
        assert index.count(release) == len(seen)
        assert keys(index.search(Query("text", vector("x"), release))) == seen
    assert index.staged(3) == (1, 1)
    assert index.staged(1) == (2, 0)
    assert index.staged(2) == (0, 0)
    assert keys(index.rows(added_in=1)) == ["kept", "old"]
    assert keys(index.rows(3, added_in=1)) == ["kept"]


def test_retiring_may_be_repeated_and_ignores_unknown_ids(index: VectorIndex) -> None:
    rows = [row(f"doc-{n}") for n in range(1500)]
    index.add(rows)
    for _ in range(2):
        index.retire([one.id for one in rows[:1200]] + ["unknown", rows[0].id], 2)
        assert (index.count(1), index.count(2)) == (1500, 300)
        assert index.staged(2) == (0, 1200)
    index.retire([], 3)
    assert index.staged(3) == (0, 0)


def test_discard_undoes_staging_and_may_be_repeated(index: VectorIndex) -> None:
    index.add([row("a"), row("b"), row("c")])
    index.retire([row("c").id], 2)
    before = plain(index.rows())
    index.add([row("a", "new text", added_in=3), row("d", added_in=3)])
    index.retire([row("a").id], 3)
    assert index.staged(3) == (2, 1)
    for _ in range(2):
        index.discard(3)
        assert index.staged(3) == (0, 0)
        assert plain(index.rows()) == before
    index.discard(99)
    assert plain(index.rows()) == before


def test_prune_deletes_what_no_kept_release_sees(index: VectorIndex) -> None:
    index.add([row("gap", added_in=2, removed_in=4), row("always"), row("ended", removed_in=2)])
    index.add([row("late", added_in=5), row("long", added_in=2, removed_in=5)])
    assert index.prune([1, 4, 5]) == 1
    assert keys(index.rows()) == ["always", "ended", "late", "long"]
    assert index.prune(iter([4, 5])) == 1
    assert index.prune([4, 5]) == 0
    assert keys(index.rows()) == ["always", "late", "long"]
    assert index.prune([5]) == 1
    assert keys(index.rows()) == ["always", "late"]


def test_prune_copes_with_thousands_of_kept_releases(index: VectorIndex) -> None:
    index.add([row("even", added_in=2, removed_in=3), row("odd", added_in=3, removed_in=4)])
    assert index.prune(range(0, 4000, 2)) == 1
    assert keys(index.rows()) == ["even"]
    assert index.prune(range(4000)) == 0


def test_pruning_everything_is_refused(index: VectorIndex) -> None:
    index.add([row("a")])
    with pytest.raises(StoreError, match=r"would keep no release; use drop\(\) to delete the collection"):
        index.prune([])
    assert index.count(1) == 1


Operation = tuple[str, tuple[int, ...]]
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["stage", "stage", "stage", "discard", "access", "prune", "erase", "optimize"]),
        st.lists(st.integers(0, 9), max_size=6).map(tuple),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(operations=OPERATIONS)
def test_any_sequence_of_releases_agrees_with_a_simple_model(store: Store, operations: list[Operation]) -> None:
    """Release n+1 replaces the drawn documents; the model is a dict of rows changed one by one."""
    index, _ = store.make()
    model: dict[str, IndexRow] = {}
    release = 0
    for name, numbers in operations:
        match name:
            case "stage":
                release += 1
                drawn = {f"doc-{n}" for n in numbers}
                gone = [one.id for one in model.values() if one.key in drawn and one.removed_in == OPEN_END]
                fresh = [row(key, f"{key} at {release}", added_in=release) for key in sorted(drawn)]
                for _ in range(1 + len(numbers) % 2):  # killed, and run again
                    index.add(fresh)
                    index.retire(gone, release)
                model |= {one.id: one for one in fresh}
                model |= {one: replace(model[one], removed_in=release) for one in gone}
            case "discard":
                index.discard(release)
                model = {key: one for key, one in model.items() if one.added_in != release}
                model = {
                    key: replace(one, removed_in=OPEN_END) if one.removed_in == release else one
                    for key, one in model.items()
                }
            case "access":
                who = (f"user:{release}",)
                documents = {document_id("files", f"doc-{n}"): who for n in numbers}
                index.set_principals(documents)
                model = {
                    key: replace(one, principals=who) if one.document_id in documents else one
                    for key, one in model.items()
                }
            case "prune":
                kept = {n for n in numbers if n <= release} | {release}
                dead = [one.id for one in model.values() if not any(one.added_in <= r < one.removed_in for r in kept)]
                assert index.prune(kept) == len(dead)
                model = {key: one for key, one in model.items() if key not in dead}
            case "erase":
                erased = [document_id("files", f"doc-{n}") for n in numbers[:1]]
                assert index.erase(erased) == sum(one.document_id in erased for one in model.values())
                model = {key: one for key, one in model.items() if one.document_id not in erased}
            case "optimize":
                index.optimize()
        assert plain(index.rows()) == plain(model.values())
    everyone = tuple(f"user:{n}" for n in range(release + 1))
    for number in range(release + 2):
        seen = [one for one in model.values() if one.added_in <= number < one.removed_in]
        assert index.count(number) == len(seen)
        for mode in MODES:
            hits = index.search(Query("doc", vector("x"), number, everyone, k=100, mode=mode))
            assert plain(hit.row for hit in hits) == plain(seen)
        for reader in everyone:
            hits = index.search(Query("doc", vector("x"), number, (reader,), k=100, mode="vector"))
            assert plain(hit.row for hit in hits) == plain(
                one for one in seen if {reader, "public"} & set(one.principals)
            )


# -- who may read -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_principals_decide_who_sees_a_row(index: VectorIndex, mode: str) -> None:
    index.add([row("open"), row("a", principals=("group:a", "group:b")), row("b", principals=("group:b",))])
    index.add([row("closed", principals=("nobody",))])
    cases: list[tuple[tuple[str, ...], list[str]]] = [
        ((), ["open"]),
        (("public",), ["open"]),
        (("group:a",), ["a", "open"]),
        (("group:a", "group:b", "public"), ["a", "b", "open"]),
        (("nobody",), ["open"]),
        (("nobody", "group:b"), ["a", "b", "open"]),
        (("group",), ["open"]),
        (("group:a') OR true --",), ["open"]),
        (("%",), ["open"]),
    ]
    for principals, seen in cases:
        assert keys(index.search(Query("text", vector("x"), 1, principals, mode=mode))) == seen, principals
    assert keys(index.search(Query("text", vector("x"), 1, mode=mode))) == ["open"]


def test_access_changes_at_once_for_every_release(index: VectorIndex) -> None:
    rows = [row("a", removed_in=2), row("a", "newer", added_in=2), row("a", "staged", added_in=9), row("b")]
    index.add(rows)
    index.optimize()
    index.set_principals({rows[0].document_id: ("group:a",), document_id("files", "unknown"): ("public",)})
    assert all(one.principals == ("group:a",) for one in index.rows() if one.key == "a")
    for release in (1, 2, 9):
        for mode in MODES:
            query = Query("text newer staged", vector("x"), release, mode=mode)
            assert keys(index.search(query)) == ["b"]
            assert keys(index.search(replace(query, principals=("group:a",)))) == ["a"] * (1 + (release == 9)) + ["b"]
    index.set_principals({rows[0].document_id: ("nobody",)})
    assert keys(index.search(Query("text", vector("x"), 1, ("group:a", "nobody")))) == ["b"]
    assert [one.removed_in for one in index.get([rows[0].id])] == [2]
    index.set_principals({})


def test_access_of_thousands_of_documents(index: VectorIndex) -> None:
    rows = [row(f"doc-{n}", nth=nth) for n in range(2000) for nth in range(2)]
    index.add(rows)
    index.set_principals({one.document_id: (f"user:{one.key}",) for one in rows})
    assert all(one.principals == (f"user:{one.key}",) for one in index.rows())
    assert keys(index.search(Query("text", vector("x"), 1, ("user:doc-7",), mode="vector"))) == ["doc-7", "doc-7"]
    assert index.count(1) == 4000


@pytest.mark.parametrize("principals", [(), ("nobody", "a"), ("",), (" a",)])
def test_principals_that_will_not_do_are_refused(index: VectorIndex, principals: tuple[str, ...]) -> None:
    index.add([row("a")])
    with pytest.raises(StoreError, match="principals of 1 documents will not do: " + row("a").document_id):
        index.set_principals({row("a").document_id: principals})
    assert [one.principals for one in index.rows()] == [("public",)]


# -- reading rows -----------------------------------------------------------------------------------------------------


def test_rows_of_documents_and_rows_by_id(index: VectorIndex) -> None:
    rows = [row(f"doc-{n}", nth=nth) for n in range(700) for nth in range(2)]
    later = row("doc-0", "later", added_in=2)
    index.add([*rows, later])
    documents = [one.document_id for one in rows] + ["unknown"]
    assert plain(index.document_rows(documents, 1)) == plain(rows)
    assert plain(index.document_rows(documents[:1], 2)) == plain([rows[0], rows[1], later])
    assert list(index.document_rows([], 1)) == []
    assert plain(index.get([one.id for one in rows] + ["unknown", rows[0].id])) == plain(rows)
    assert index.get([]) == []
    assert index.get(["' OR '1'='1"]) == []
    assert len(list(index.rows(1))) == 1400


# -- search -----------------------------------------------------------------------------------------------------------


def test_each_mode_ranks_by_its_own_half_and_hybrid_by_both(index: VectorIndex) -> None:
    wanted = vector("question")
    index.add([row(f"noise-{n}", f"noise {n}") for n in range(200)])
    index.add([row("near", "something else", vector=wanted), row("says", "the turbine hall", vector=vector("far"))])
    index.add([row("both", "a turbine", vector=list(np.float32(wanted) * 0.9))])
    query = Query("Turbines?", wanted, 1, k=3)
    nearest = index.search(replace(query, mode="vector"))
    assert nearest[0].row.key == "near"
    assert nearest[0].score == pytest.approx(1.0, abs=1e-5)
    assert nearest[1].row.key == "both"
    assert keys(index.search(replace(query, text="turbine", mode="text"))) == ["both", "says"]
    hybrid = index.search(replace(query, text="turbine"))
    assert hybrid[0].row.key == "both"
    assert keys(hybrid)[:2] == ["both", "near"]
    for hits in (nearest, hybrid):
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert hybrid[0].score > hybrid[1].score


@pytest.mark.parametrize("weight", [0.25, 0.6])
def test_hybrid_adds_up_what_each_search_found_in_shares_of_its_best(index: VectorIndex, weight: float) -> None:
    """Each search alone holds more rows than the hundred that are fused, and most rows stand in one of the two only."""
    random = np.random.default_rng(3)
    wanted = np.float32(vector("question"))
    rows = []
    for n in range(300):
        mixed = wanted * random.uniform(0.1, 0.9) + np.float32(vector(f"other {n}"))
        text = f"{'turbine ' * (n % 7)}among {'many ' * (n % 11)}words {n}"
        rows.append(row(f"doc-{n}", text, vector=(mixed / np.linalg.norm(mixed)).tolist()))
    index.add(rows)
    query = Query("turbine", wanted.tolist(), 1, k=100, vector_weight=weight)
    alone = {mode: {hit.row.id: hit.score for hit in index.search(replace(query, mode=mode))} for mode in MODES[1:]}
    wanted_order = fused(alone["vector"], alone["text"], weight)[:25]
    hits = index.search(replace(query, k=25))
    assert [(hit.row.id, hit.score) for hit in hits] == [(id_, pytest.approx(score)) for id_, score in wanted_order]
    for hit in hits:
        both = {mode: alone[mode][hit.row.id] for mode in MODES[1:] if hit.row.id in alone[mode]}
        assert hit.scores == pytest.approx(both)


@pytest.mark.parametrize("deep", [40, 120])
def test_one_whole_hybrid_search_holds_what_every_other_would_find(index: VectorIndex, deep: int) -> None:
    """Most rows stand in one of the two rankings only, and each ranking is longer than what is asked of it."""
    random = np.random.default_rng(5)
    wanted = np.float32(vector("question"))
    rows = []
    for n in range(300):
        mixed = wanted * random.uniform(0.1, 0.9) + np.float32(vector(f"other {n}"))
        text = f"{'turbine ' * (n % 7)}among {'many ' * n}words"  # no two score the same
        rows.append(row(f"doc-{n}", text, vector=(mixed / np.linalg.norm(mixed)).tolist()))
    index.add(rows)
    query = Query("turbine", wanted.tolist(), 1)
    whole = index.search(replace(query, depth=150, k=300))
    assert 150 < len(whole) < 300
    assert [hit.row.id for hit in index.search(replace(query, depth=150, k=7))] == [hit.row.id for hit in whole[:7]]
    for mode, weight in (("hybrid", 0.2), ("hybrid", 0.5), ("hybrid", 0.9), ("vector", 0.5), ("text", 0.5)):
        asked = replace(query, k=deep, mode=mode, vector_weight=weight)
        alone, again = index.search(asked), found_within(whole, asked)
        assert [hit.row.key for hit in again] == [hit.row.key for hit in alone]
        assert [hit.score for hit in again] == pytest.approx([hit.score for hit in alone], abs=1e-6)
        assert [sorted(hit.scores) for hit in again] == [sorted(hit.scores) for hit in alone]


def test_the_three_rows_that_hold_a_rare_word_come_before_what_is_only_near(index: VectorIndex) -> None:
    """They are the furthest by vector, as codes and names often are to a model that never saw them."""
    wanted = np.float32(vector("question"))
    index.add([row(f"near-{n}", f"nothing of it {n}", vector=list(wanted)) for n in range(5)])
    index.add([row(f"noise-{n}", f"nothing of it {n}") for n in range(200)])
    index.add([row(f"says-{n}", f"see E4411 {n}", vector=list(-wanted)) for n in range(3)])
    found = keys(index.search(Query("E4411", wanted.tolist(), 1, k=8)))
    assert {key.partition("-")[0] for key in found} == {"near", "says"}


@pytest.mark.parametrize("mode", ["vector", "text"])
def test_rows_that_are_as_good_as_one_another_come_by_id(store: Store, mode: str) -> None:
    index, name = store.make()
    index.add([row(f"doc-{n}", "the same turbine", vector=vector("same")) for n in range(40)])
    query = Query("turbine", vector("same"), 1, k=50, mode=mode)
    for handle in (index, store.open(name)):
        found = [hit.row.id for hit in handle.search(query)]
        assert len(found) == 40
        assert found == sorted(found)


@pytest.mark.parametrize("folded", [False, True])
def test_k_rows_come_back_where_k_match_though_the_filter_keeps_one_in_a_hundred(
    index: VectorIndex, folded: bool
) -> None:
    """The rows that pass are the worst by vector and by text, so a filter applied after the choice would find none."""
    wanted = vector("question")
    away = [-value for value in wanted]
    index.add([row(f"many-{n}", "pump pump pump", vector=wanted) for n in range(2970)])
    rare = {"vector": away, "fields": {"department": "O'Brien's"}, "principals": ("group:rare",)}
    index.add([row(f"few-{n}", "a pump among many other words of no interest", **rare) for n in range(30)])
    index.add([row("retired", "pump", removed_in=1 + 1, **rare)])
    if folded:
        index.optimize()
    for mode in MODES:
        query = Query("pump", wanted, 2, ("group:rare",), equal({"department": "O'Brien's"}), k=25, mode=mode)
        hits = index.search(query)
        assert len(hits) == 25, mode
        assert all(hit.row.key.startswith("few-") for hit in hits)
        assert len(index.search(replace(query, k=100))) == 30, mode


def test_where_filters_on_source_key_kind_and_declared_fields(index: VectorIndex) -> None:
    for odd in ODD_STRINGS:
        index.add([row(odd, "text", fields={"department": odd, "cost-centre": "x"}, kind="table", source="wiki")])
    index.add([row("plain", "text")])
    for odd in ODD_STRINGS:
        for where in ({"key": odd}, {"department": odd}, {"department": odd, "cost-centre": "x", "kind": "table"}):
            assert keys(index.search(Query("text", vector("x"), 1, where=equal(where)))) == [odd]
    assert keys(index.search(Query("text", vector("x"), 1, where=equal({"source": "wiki"}), k=50))) == sorted(
        ODD_STRINGS
    )
    assert keys(index.search(Query("text", vector("x"), 1, where=equal({"kind": "text"})))) == ["plain"]
    assert index.search(Query("text", vector("x"), 1, where=equal({"department": "' OR 'a'='a"}))) == []
    assert index.search(Query("text", vector("x"), 1, where=equal({"department": ""}))) == []


@pytest.mark.parametrize(
    "text",
    [
        '"turbine',
        "+turbine -hall",
        "turbine::hall",
        "turbine AND",
        "NOT turbine",
        "turbine~2",
        "turbine^9",
        "*turbine",
        "key:turbine",
        "(turbine",
        "turbine' OR 1=1 --",
        '{"match": "turbine"}',
        pytest.param("turbine " * 5000, id="long"),
        pytest.param("x" * 50_000 + " turbine", id="long word"),
        "TURBINE",
        "turbine\x00hall",
        "\n\tturbine",
    ],
)
def test_a_question_is_words_and_never_syntax(index: VectorIndex, text: str) -> None:
    index.add([row("one", "the turbine"), row("two", "nothing of it", principals=("group:a",))])
    assert keys(index.search(Query(text, vector("x"), 1, mode="text"))) == ["one"]
    assert keys(index.search(Query(text, vector("x"), 1))) == ["one"]


@pytest.mark.parametrize("text", ["", " ", "::", "+-*/", "\x00", "unknownword"])
def test_a_question_without_known_words_matches_no_text_and_hybrid_falls_back(index: VectorIndex, text: str) -> None:
    index.add([row("one", "the turbine")])
    assert index.search(Query(text, vector("x"), 1, mode="text")) == []
    assert keys(index.search(Query(text, vector("x"), 1))) == ["one"]


def test_text_search_needs_no_vector(index: VectorIndex) -> None:
    index.add([row("one", "the turbine")])
    assert keys(index.search(Query("turbine", (), 1, mode="text"))) == ["one"]


@pytest.mark.parametrize("mode", MODES)
def test_rows_are_found_before_and_after_they_are_folded_in(index: VectorIndex, mode: str) -> None:
    def found(text: str) -> list[str]:
        return keys(index.search(Query(text, vector("first"), 1, mode=mode, k=1, where=equal({"kind": "text"}))))

    assert found("first") == []
    index.add([row("a", "first", vector=vector("first"))])
    assert found("first") == ["a"]
    index.optimize()
    assert found("first") == ["a"]
    index.add([row("b", "second", vector=vector("second"))])
    assert keys(index.search(Query("second", vector("second"), 1, mode=mode, k=1))) == ["b"]
    index.optimize()
    index.optimize()
    assert keys(index.search(Query("second", vector("second"), 1, mode=mode, k=1))) == ["b"]


def test_what_no_search_can_answer_is_an_error_that_says_why(index: VectorIndex) -> None:
    query = Query("a", vector("a"), 1)
    with pytest.raises(UsageError, match="unknown search mode 'fuzzy'; there are: hybrid, vector, text"):
        index.search(replace(query, mode="fuzzy"))
    with pytest.raises(UsageError, match="k is 0; ask for at least 1 row"):
        index.search(replace(query, k=0))
    with pytest.raises(UnknownFieldError, match=r"unknown field 'departmant'; did you mean 'department'\?"):
        index.search(replace(query, where=Comparison("departmant", "text", "in", ("a",))))
    with pytest.raises(UnknownFieldError, match="unknown field 'principals'"):
        index.search(replace(query, where=Comparison("principals", "text", "in", ("a",))))
    with pytest.raises(StoreError, match="the query's vector has 3 numbers and the index 8; embed the query with"):
        index.search(replace(query, vector=[1.0, 0.0, 0.0]))


def test_an_empty_index_answers_with_nothing(index: VectorIndex) -> None:
    index.optimize()
    for mode in MODES:
        assert index.search(Query("a", vector("a"), 1, mode=mode)) == []
    assert (index.count(1), index.staged(1), list(index.rows()), index.prune([1]), index.erase(["x"])) == (
        0,
        (0, 0),
        [],
        0,
        0,
    )


# -- erase, optimize --------------------------------------------------------------------------------------------------


def test_erase_takes_a_document_out_of_every_release(index: VectorIndex) -> None:
    gone = [row("secret", "zyzzyva one", removed_in=2), row("secret", "zyzzyva two", added_in=2)]
    kept = [row(f"doc-{n}", "zebra") for n in range(20)]
    index.add([*gone, *kept])
    index.optimize()
    assert index.erase([gone[0].document_id, "unknown"]) == 2
    assert index.erase([gone[0].document_id]) == 0
    assert plain(index.rows()) == plain(kept)
    for release in (1, 2):
        assert index.search(Query("zyzzyva", (), release, mode="text")) == []
        assert len(index.search(Query("zebra", vector("x"), release, k=50))) == 20
    index.add(gone[:1])
    assert keys(index.search(Query("zyzzyva", (), 1, mode="text"))) == ["secret"]


def test_optimize_changes_nothing_that_is_read(index: VectorIndex) -> None:
    for n in range(6):
        index.add([row(f"doc-{n}-{m}", f"word{m} text", added_in=n + 1) for m in range(5)])
    index.retire([one.id for one in index.rows(added_in=2)], 4)
    index.set_principals({one.document_id: ("group:a",) for one in index.rows(added_in=3)})
    before = plain(index.rows())
    for _ in range(2):
        index.optimize()
        assert plain(index.rows()) == before
        assert index.count(4) == 15
        assert len(index.search(Query("word3", (), 9, mode="text", k=50))) == 4


# -- several readers and writers --------------------------------------------------------------------------------------


def test_another_handle_sees_a_commit_at_once(store: Store) -> None:
    writer, name = store.make()
    reader = store.open(name)
    assert reader.count(1) == 0
    writer.add([row("a", "turbine")])
    assert reader.count(1) == 1
    assert keys(reader.search(Query("turbine", vector("x"), 1))) == ["a"]
    writer.set_principals({row("a").document_id: ("nobody",)})
    assert reader.search(Query("turbine", vector("x"), 1)) == []
    writer.erase([row("a").document_id])
    assert reader.count(1) == 0


def test_another_process_sees_a_commit_at_once(store: Store) -> None:
    writer, name = store.make()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=read_on_demand, args=(store, name, theirs), daemon=True)
    child.start()

    def ask() -> tuple[int, list[str]]:
        ours.send(True)
        assert ours.poll(120)
        answer: tuple[int, list[str]] = ours.recv()
        return answer

    assert ask() == (0, [])
    writer.add([row("a", "turbine"), row("b", "turbine")])
    assert ask() == (2, ["a", "b"])
    writer.set_principals({row("a").document_id: ("nobody",)})
    assert ask() == (2, ["b"])
    writer.optimize()
    assert ask() == (2, ["b"])
    ours.send(False)
    child.join(10)


def test_readers_of_a_release_never_notice_the_staging_of_the_next(store: Store) -> None:
    """A search that began on release 1 ends on release 1, also while its rows are replaced, discarded and folded."""
    writer, name = store.make()
    writer.add([row(f"doc-{n}", "turbine") for n in range(40)])
    expected = keys(writer.rows(1))
    wrong: list[object] = []
    done = threading.Event()

    def read() -> None:
        reader = store.open(name)
        while not done.is_set():
            try:
                for mode in MODES:
                    found = keys(reader.search(Query("turbine", vector("x"), 1, mode=mode, k=40)))
                    if found != expected:
                        wrong.append((mode, found))
            except Exception as error:  # noqa: BLE001
                wrong.append(error)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for turn in range(12):
        writer.add([row(f"doc-{n}", "turbine again", added_in=2) for n in range(40)])
        writer.retire([one.id for one in writer.rows(1)], 2)
        if turn < 4:
            writer.optimize()
        writer.discard(2)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert writer.count(1) == 40


# -- writers that are fenced off --------------------------------------------------------------------------------------


WRITES: dict[str, Callable[[VectorIndex], object]] = {
    "add": lambda writer: writer.add([row("late")]),
    "replace": lambda writer: writer.add([row("a", "text of a")]),
    "retire": lambda writer: writer.retire([row("a").id], 2),
    "discard": lambda writer: writer.discard(1),
    "set principals": lambda writer: writer.set_principals({document_id("files", "a"): ("public",)}),
    "prune": lambda writer: writer.prune([5]),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_writer_that_was_fenced_off_writes_nothing_more(store: Store, name: str) -> None:
    index, collection = store.make()
    index.add([row("a", removed_in=3, principals=("group:a",)), row("b")])
    late = index.writer()
    late.retire([row("b").id], 4)
    before = plain(index.rows())
    store.open(collection).fence()
    for _ in range(2):
        with pytest.raises(TransientError, match="another writer was faster"):
            WRITES[name](late)
    assert plain(index.rows()) == plain(late.rows()) == before
    WRITES[name](index.writer())
    assert plain(index.rows()) != before or name == "replace"


def test_a_writer_that_was_fenced_off_writes_nothing_into_an_empty_collection_either(store: Store) -> None:
    index, collection = store.make()
    late = index.writer()
    store.open(collection).fence()
    for _ in range(2):
        with pytest.raises(TransientError, match="another writer was faster"):
            late.add([row("late")])
    assert not list(index.rows())
    index.writer().add([row("a")])
    assert len(list(index.rows())) == 1


MOST_WRITES = 5_000


def fenced_off(index: VectorIndex) -> None:
    """As whoever takes a lease over: what did not get through beside a writer is tried again."""
    while True:
        with suppress(TransientError):
            return index.fence()


def test_a_fence_changes_no_row_and_takes_no_write_back(store: Store) -> None:
    """Each holder in turn writes until whoever comes next fences it off, somewhere in the middle of a write.

    A write that was refused may have been taken up before: whether it came through, nobody promises.
    """
    index, collection = store.make()
    other = store.open(collection)
    written, begun = set[str](), set[str]()
    for turn in range(8):
        fenced = threading.Timer(0.01 * turn, fenced_off, [other])
        writer = index.writer()
        fenced.start()
        with suppress(TransientError):
            for n in range(MOST_WRITES):
                begun.add(f"doc-{turn}-{n}")
                writer.add([row(f"doc-{turn}-{n}")])
                written.add(f"doc-{turn}-{n}")
            pytest.fail(f"nobody fenced the writer off in {MOST_WRITES:,} writes")
        fenced.join()
        assert written <= set(keys(index.rows())) <= begun
    assert written, "no write came through"
