"""A question keeps its split, and a group stands in one."""

from __future__ import annotations

from penstock.training.groups import Member
from penstock.training.placing import place
from penstock.training.splits import Split

A, B = "who grinds the barley at the mill", "what is the river watch paid in winter"


def member(name: str, text: str, *documents: str) -> Member:
    return Member(name, text, tuple(f"document {one}" for one in documents))


def test_a_new_question_goes_where_its_group_is() -> None:
    placed = place([member("a", A, "1"), member("b", B, "1")], {"a": Split.TEST}, "main")
    assert placed.splits == {"a": Split.TEST, "b": Split.TEST}
    assert placed.groups == {"a": "a", "b": "a"}
    assert placed.bridges == frozenset()


def test_what_ties_two_splits_is_left_out_and_so_is_what_would_be_trained_on() -> None:
    members = [member("a", A, "1"), member("b", B, "2"), member("c", "when does the shop open", "1", "2")]
    placed = place(members, {"a": Split.TRAIN, "b": Split.TEST}, "main")
    assert placed.splits == {"b": Split.TEST}
    assert placed.bridges == {"a", "c"}


def test_splits_of_no_group_are_two_whatever_comes_later() -> None:
    first = place([member(str(n), f"{A} number {n * 97} {n}", str(n)) for n in range(40)], {}, "main")
    later = place(
        [member(str(n), f"{A} number {n * 97} {n}", str(n), *(["0"] if n % 3 else [])) for n in range(80)],
        first.splits,
        "main",
    )
    for group in set(later.groups.values()):
        assert len({later.splits[one] for one, name in later.groups.items() if name == group}) == 1
    assert all(later.splits.get(one, split) is split for one, split in first.splits.items())
