"""The plan is a pure comparison; these properties hold for any listing against any catalog."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import ListingError
from penstock.ids import document_id
from penstock.planning import Known, Plan, Work, canonical, plan_source, unlisted_access
from penstock.records import SourceObject
from penstock.sources import Reading

PUBLIC = ("public",)


def known(key: str, **changes: object) -> Known:
    values: dict[str, object] = {
        "id": document_id("docs", key),
        "hint": "h1",
        "revision": "r1",
        "principals": canonical(["public"]),
        "fields": "{}",
        "parent_id": None,
        "erased": False,
        "entry_revision": "r1",
        "entry_fields": "{}",
        "in_release": True,
        "quarantined": False,
        "unseen": None,
        "retry": False,
        "principals_pending": False,
    }
    return Known(**{**values, **changes})  # type: ignore[arg-type]


def planned(listing: list[SourceObject], before: dict[str, Known], **options: bool) -> Plan:
    plan = Plan()
    plan_source("docs", Reading(listing), before, PUBLIC, plan, **options)
    return plan


def item(key: str, hint: str = "h1", principals: tuple[str, ...] | None = None) -> SourceObject:
    return SourceObject(key, 10, hint, principals)


keys = st.text(alphabet="abcdef", min_size=1, max_size=3)
states = st.sampled_from(
    [{}, {"hint": "h0"}, {"retry": True}, {"in_release": False}, {"quarantined": True}, {"entry_revision": "r0"}]
)


@given(st.sets(keys, min_size=1), st.dictionaries(keys, states))
def test_every_listed_document_has_one_decision_and_every_missing_one_is_removed(
    listed: set[str], states_before: dict[str, dict[str, object]]
) -> None:
    before = {key: known(key, **state) for key, state in states_before.items()}
    plan = planned([item(key) for key in sorted(listed)], before)
    counts = plan.counts
    decided = counts["unchanged"] + counts["quarantined_before"] + counts["erased"] + counts["work"]
    assert decided == counts["listed"] == len(listed)
    assert len(plan.work) == counts["work"]
    served = {key for key, one in before.items() if one.in_release}
    assert set(plan.removed) == {document_id("docs", key) for key in served - listed}


@given(st.sets(keys, min_size=1))
def test_an_unchanged_listing_is_no_work(listed: set[str]) -> None:
    plan = planned([item(key) for key in listed], {key: known(key) for key in listed})
    assert (plan.work, plan.removed, plan.access) == ([], [], {})
    assert plan.counts["unchanged"] == len(listed)


@pytest.mark.parametrize(
    ("listing", "before", "message"),
    [
        (list, {"a": known("a")}, "source 'docs' listed nothing, but 1 of its documents are served"),
        (lambda: [item("a"), item("a")], {}, "source 'docs' listed 'a' twice; nothing was removed"),
    ],
)
def test_a_listing_that_cannot_be_believed_removes_nothing(
    listing: Callable[[], list[SourceObject]], before: dict[str, Known], message: str
) -> None:
    with pytest.raises(ListingError, match=message):
        planned(listing(), before)


def test_a_listing_that_breaks_off_leaves_no_trace_in_the_plan() -> None:
    def broken() -> list[SourceObject]:
        yield item("a", "h2")  # type: ignore[misc]
        raise ListingError("the connection broke")

    plan = Plan()
    with pytest.raises(ListingError, match="the connection broke"):
        plan_source("docs", Reading(broken()), {"a": known("a"), "b": known("b")}, PUBLIC, plan)
    assert (plan.work, plan.removed, plan.access, plan.counts["listed"]) == ([], [], {}, 0)


def test_a_known_hint_is_trusted_and_verify_trusts_none() -> None:
    before = {"a": known("a", in_release=False)}
    assert planned([item("a")], before).work[0].revision == "r1"
    assert planned([item("a")], before, verify=True).work[0].revision is None
    assert planned([item("a", "h2")], before).work[0].revision is None


def test_a_change_of_access_needs_no_work_and_reaches_attachments() -> None:
    child = known("a!/x", parent_id=document_id("docs", "a"))
    plan = planned([item("a", principals=("group:b",))], {"a": known("a"), "a!/x": child})
    assert plan.work == []
    assert plan.access == {document_id("docs", "a"): ("group:b",), child.id: ("group:b",)}


def test_attachments_leave_with_their_parent() -> None:
    child = known("a!/x", parent_id=document_id("docs", "a"))
    plan = planned([item("b")], {"a": known("a"), "a!/x": child, "b": known("b")})
    assert set(plan.removed) == {document_id("docs", "a"), child.id}


def test_an_erased_document_stays_out_though_its_key_is_forgotten() -> None:
    tombstone = known("a", erased=True, in_release=False)
    plan = planned([item("a"), item("b")], {tombstone.id: tombstone, "b": known("b")})
    assert (plan.work, plan.counts["erased"]) == ([], 1)


# A listing of what changed


def changes(listing: list[SourceObject], before: dict[str, Known]) -> Plan:
    plan = Plan()
    plan_source("docs", Reading(listing, whole=False, removes=False), before, PUBLIC, plan)
    return plan


def tombstone(key: str) -> SourceObject:
    return SourceObject(key, 0, "", gone=True)


@given(st.sets(keys), st.sets(keys), st.dictionaries(keys, states))
def test_a_listing_of_changes_removes_what_it_says_is_gone_and_carries_what_it_does_not_name(
    listed: set[str], dead: set[str], states_before: dict[str, dict[str, object]]
) -> None:
    before = {key: known(key, **state) for key, state in states_before.items()}
    listed -= dead
    plan = changes([*map(item, sorted(listed)), *map(tombstone, sorted(dead))], before)
    served = {key for key, one in before.items() if one.in_release}
    assert set(plan.removed) == {document_id("docs", key) for key in served & dead}
    again = {key for key in served - dead - listed if before[key].quarantined and before[key].retry}
    assert plan.counts["carried"] == len(served - dead - listed - again)
    assert plan.counts["listed"] == len(listed) + len(again)
    decided = ("unchanged", "quarantined_before", "erased", "work")
    assert sum(plan.counts[name] for name in decided) == plan.counts["listed"]


def test_what_hangs_on_a_record_that_was_named_was_named_with_it() -> None:
    before = {key: known(key) for key in ("a", "a!/x", "a!/y", "b", "b!/x", "c", "c!/x")}
    attached = replace(item("a!/y"), locator="https://api.example/files/y")
    plan = changes([item("a"), attached, tombstone("c")], before)
    assert set(plan.removed) == {document_id("docs", key) for key in ("a!/x", "c", "c!/x")}


def test_a_file_that_takes_an_attachments_name_ends_the_listing() -> None:
    with pytest.raises(ListingError, match=r"'a!/y', and what is inside a document is called like that; nothing was"):
        changes([item("a"), item("a!/y")], {})


def test_what_another_parser_refused_is_tried_again_though_no_listing_names_it() -> None:
    child = known("b!/x", parent_id=document_id("docs", "b"), quarantined=True, retry=True)
    before = {"a": known("a", quarantined=True, retry=True), "b": known("b"), "b!/x": child, "c": known("c")}
    plan = changes([], before)
    assert [(work.key, work.revision) for work in plan.work] == [("a", "r1"), ("b", "r1")]
    assert (plan.counts["listed"], plan.counts["carried"]) == (2, 1)


def test_access_that_did_not_reach_every_row_is_carried_on_with() -> None:
    before = {"a": known("a", principals_pending=True, principals=canonical(["group:a"])), "b": known("b")}
    assert changes([], before).access == {document_id("docs", "a"): ("group:a",)}


def test_bytes_that_the_listing_brought_are_kept_where_they_are_new() -> None:
    kept: list[bytes] = []

    def keep(data: bytes) -> str:
        kept.append(data)
        return "kept"

    plan = Plan()
    listing = [replace(item("a"), content=b"old"), replace(item("b", "h2"), content=b"new")]
    plan_source("docs", Reading(listing), {"a": known("a"), "b": known("b")}, PUBLIC, plan, keep=keep)
    assert (kept, [work.revision for work in plan.work]) == ([b"new"], ["kept"])


@given(st.lists(st.integers(0, 10_000_000), min_size=1, max_size=60))
def test_batches_hold_all_the_work_once_and_are_even(sizes: list[int]) -> None:
    plan = Plan(work=[Work(f"{n}", "docs", f"{n}", size, "h", PUBLIC, {}, None, None) for n, size in enumerate(sizes)])
    batches = plan.batches(1_000_000)
    assert sorted(one.id for batch in batches for one in batch) == sorted(one.id for one in plan.work)
    weights = [sum(one.size_bytes + 1024 for one in batch) for batch in batches]
    assert max(weights) - min(weights) <= max(sizes) + 1024


def test_who_may_read_what_is_gone_is_decided_by_the_document_that_holds_it() -> None:
    """A key may itself hold what stands between a document and its attachment."""
    letter = known("x!/letter.eml")
    plan_ = known("x!/letter.eml!/plan.txt", parent_id=letter.id)
    names = {"x!/letter.eml": ("group:a",), "x": ("public",)}
    changes = unlisted_access({"x!/letter.eml": letter, "x!/letter.eml!/plan.txt": plan_}, (), names.__getitem__)
    assert changes == {letter.id: ("group:a",), plan_.id: ("group:a",)}
