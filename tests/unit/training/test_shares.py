"""Nobody teaches a model alone, and whoever contradicts everybody is not heard."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from penstock.training.shares import SHARED, Ballot, Supplied, as_one, contrary, quota, within


def supplied(**counts: int) -> list[Supplied]:
    return [Supplied(f"{by}{n}", by) for by, count in counts.items() for n in range(count)]


def test_whoever_said_more_than_their_share_is_cut_down_to_it() -> None:
    kept, cut = within(supplied(ada=60, ben=10, cy=10, dot=10, eve=10), 0.2)
    assert cut == {"ada": 50}
    assert Counter(one.rstrip("0123456789") for one in kept) == dict.fromkeys(("ada", "ben", "cy", "dot", "eve"), 10)


def test_nothing_stays_where_one_person_said_everything() -> None:
    assert within(supplied(ada=60), 0.9) == (set(), {"ada": 60})
    assert within(supplied(ada=60), 1.0)[1] == {}


@given(st.lists(st.integers(1, 200), max_size=30), st.sampled_from([0.05, 0.2, 0.34, 0.5, 1.0]))
def test_nobodys_part_of_what_stays_is_above_the_share_and_no_more_is_cut_than_that_takes(
    counts: list[int], share: float
) -> None:
    most = quota(counts, share)
    assert most <= share * sum(min(number, most) for number in counts) + 1e-9
    more = most + 1
    assert not counts or more > max(counts) or more > share * sum(min(number, more) for number in counts)


def honest_log(liar: str | None) -> list[Ballot]:
    """Thirty passages, four honest people with one mistake each, and somebody who turns every vote round."""
    people = [("ada", 3), ("ben", 7), ("cy", 11), ("dot", 29)]
    ballots = [Ballot(n, who, (n % 2 == 0) != (n == slip)) for n in range(30) for who, slip in people]
    return ballots + ([Ballot(n, liar, n % 2 != 0) for n in range(30)] if liar else [])


def test_somebody_who_votes_against_everybody_is_left_out_and_nobody_else() -> None:
    assert contrary(honest_log(None)) == set()
    assert contrary(honest_log("mallory")) == {"mallory"}


def test_of_two_who_contradict_each_other_alone_both_are_heard() -> None:
    """Whatever their names: nobody can say who is right, and what both voted on says nothing."""
    for ada, ben in (("ada", "ben"), ("ben", "ada")):
        assert contrary([Ballot(n, who, who == ada) for n in range(30) for who in (ada, ben)]) == set()


def test_two_who_are_as_much_against_everybody_both_go() -> None:
    liars = [one for name in ("mallory", "trudy") for one in honest_log(name) if one.by == name]
    assert contrary([*honest_log(None), *liars]) == {"mallory", "trudy"}


def test_on_few_votes_nobody_is_called_a_liar() -> None:
    few = [one for one in honest_log("mallory") if one.about < SHARED - 1]
    assert contrary(few) == set()


def test_a_key_is_one_voice_however_many_people_it_names() -> None:
    """Three of each name are more than the one honest person, and not one voice against her more."""
    honest = [Ballot(n, f"person {n}", True) for n in range(7)]
    named = [Ballot(n, f"{n}-{m}", False) for n in range(7) for m in range(3)]
    assert contrary([*honest, *named]) == set()
    assert contrary([*honest, *as_one("key", named)]) == {"key"}


def test_of_two_keys_that_contradict_each_other_alone_both_are_heard_whichever_names_more_people() -> None:
    large = [Ballot(n, f"{n}-{m}", True) for n in range(30) for m in range(5)]
    small = [Ballot(n, f"{n}-x", False) for n in range(30)]
    assert contrary([*as_one("large", large), *as_one("small", small)]) == set()
