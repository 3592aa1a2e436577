"""No group is torn apart, no example ever moves, and no question of an evaluation is trained on."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.training.groups import Member, groups
from penstock.training.leaks import Leak, leaks
from penstock.training.splits import Split, assign, by_hash


def test_examples_of_one_document_or_session_or_wording_belong_together() -> None:
    members = [
        Member("a", "may i swim below the weir", ("document 1",)),
        Member("b", "who grinds the barley", ("document 1", "session 7")),
        Member("c", "when does the shop open", ("document 2", "session 7")),
        Member("d", "Below the weir, may I swim?", ("document 3",)),
        Member("e", "what is the river watch paid", ("document 4",)),
    ]
    assert groups(members) == [["a", "b", "c", "d"], ["e"]]
    assert groups(members[::-1]) == groups(members)


def test_a_chain_of_further_documents_does_not_make_one_group_of_a_log() -> None:
    """Each question has a document of its own, and another's: all hang together."""
    chain = [Member(f"{n:03}", f"{n * 97} {n * 89} {n}", (f"document {n // 2}",), (f"document {n // 2 + 1}",))
             for n in range(100)]  # fmt: skip
    assert groups(chain) == [[f"{n:03}", f"{n + 1:03}"] for n in range(0, 100, 2)]
    assert groups(chain[:20]) == [[f"{n:03}" for n in range(20)]], "a short one stays whole"


def test_a_group_that_is_large_all_the_same_is_trained_on() -> None:
    session = [str(n) for n in range(30)]
    others = [[f"other {n}"] for n in range(70)]
    for seed in map(str, range(20)):
        assert {assign([session, *others], {}, seed).splits[one] for one in session} == {Split.TRAIN}
    assert assign([session, *others], {"0": Split.TEST}, "main").splits["1"] is Split.TEST


def test_nearly_equal_questions_leak_and_like_ones_do_not() -> None:
    examples = {"1": "Can I take my dog for a walk in the park?", "2": "Can I take my cat to the vet?", "3": "who pays"}
    questions = {
        "q1": "can i take my dog for a walk in the park",
        "q2": "Can I take my dog for a walk in a park?",
        "q3": "Who pays for the vet?",
    }
    assert leaks(examples, questions) == [Leak("1", "q1", equal=True), Leak("1", "q2", equal=False)]


def test_what_is_new_of_a_group_goes_where_the_group_is() -> None:
    before = {"a": Split.TEST}
    assert assign([["a", "b"], ["c"]], before, "main").splits == {
        "a": Split.TEST,
        "b": Split.TEST,
        "c": by_hash("c", "main"),
    }


def test_an_example_that_ties_two_splits_together_is_left_out() -> None:
    before = {"a": Split.TEST, "b": Split.TRAIN}
    found = assign([["a", "b", "x"]], before, "main")
    assert found.splits == before
    assert found.bridges == {"x": (Split.TEST, Split.TRAIN)}


names = st.text("abcdefgh", min_size=1, max_size=3)


@given(
    st.lists(st.lists(names, min_size=1, max_size=4), max_size=12),
    st.lists(st.lists(names, min_size=1, max_size=4), max_size=12),
)
def test_a_later_set_extends_the_splits(first: list[list[str]], later: list[list[str]]) -> None:
    def grouped(ties: list[list[str]]) -> list[list[str]]:
        members = {name: Member(name, f"text of {name} {name} {name}", ()) for tie in ties for name in tie}
        tied = [
            Member(name, members[name].text, tuple(str(n) for n, tie in enumerate(ties) if name in tie))
            for name in members
        ]
        return groups(tied)

    before = assign(grouped(first), {}, "main").splits
    after = assign(grouped(first + later), before, "main")
    assert before.items() <= after.splits.items()
    for group in grouped(first + later):
        new = {after.splits[one] for one in group if one in after.splits and one not in before}
        assert len(new) <= 1
        assert not new or new == {after.splits[one] for one in group if one in after.splits}


def test_the_shares_are_what_they_are_meant_to_be() -> None:
    counts = Counter(by_hash(str(n), "main") for n in range(10_000))
    assert 1_850 < counts[Split.TEST] < 2_150
    assert 850 < counts[Split.VALIDATION] < 1_150
