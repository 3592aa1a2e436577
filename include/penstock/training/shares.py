"""Nobody teaches a model alone: what one supplier may contribute, and whose votes are against everybody else's.

Pure. Both rules hold back somebody who fills a log with wrong votes: the first limits how much they are of the whole,
the second leaves them out where others have voted on the same. Neither tells lies from truth where nobody else looked,
and the second takes it that most people mean well.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from penstock.ids import hash_of

SHARED = 10
"""Votes on what others have voted on too, from which on a supplier can be told to be against them."""
AGREED = 0.5


class Supplied(NamedTuple):
    """One thing that was said: its id, and who supplied it."""

    id: str
    by: str


def quota(counts: Iterable[int], share: float) -> int:
    """The largest number that each may contribute so that nobody's part of what is left is above ``share``.

    0 where there is none: fewer than 1 / ``share`` contribute.

    >>> quota([50, 10, 10, 10], 0.25), quota([50, 10, 10, 10], 0.5), quota([7], 0.9), quota([7], 1.0)
    (10, 30, 0, 7)
    """
    numbers = list(counts)

    def too_many(most: int) -> bool:  # once, and then for ever: the sum grows ever slower
        return most > share * sum(min(number, most) for number in numbers) + 1e-9

    return bisect_left(range(1, max(numbers, default=0) + 1), True, key=too_many)


def within(supplied: Sequence[Supplied], share: float) -> tuple[set[str], dict[str, int]]:
    """Ids that stay, and by supplier how many of theirs go; nothing stays where too few supply it.

    Which of a supplier's stay is decided by the hash of their ids, so that it is always the same ones.
    """
    mine: dict[str, list[str]] = defaultdict(list)
    for one in supplied:
        mine[one.by].append(one.id)
    most = quota(map(len, mine.values()), share)
    kept = {id_ for ids in mine.values() for id_ in sorted(ids, key=lambda id_: hash_of("share", id_))[:most]}
    return kept, {by: len(ids) - most for by, ids in mine.items() if len(ids) > most}


class Ballot(NamedTuple):
    """For or against something, by somebody, or by several as one."""

    about: Any
    by: str
    right: bool
    votes: int = 1


def as_one(by: str, ballots: Iterable[Ballot]) -> list[Ballot]:
    """One ballot on each thing, as most of these are; none where as many are for it as against.

    >>> as_one("key", [Ballot("a", "ada", True), Ballot("a", "ben", True), Ballot("a", "cy", False)])
    [Ballot(about='a', by='key', right=True, votes=3)]
    """
    said: dict[Any, list[bool]] = defaultdict(list)
    for one in ballots:
        said[one.about].append(one.right)
    decided = {about: mine for about, mine in said.items() if 2 * sum(mine) != len(mine)}
    return [Ballot(about, by, 2 * sum(mine) > len(mine), len(mine)) for about, mine in decided.items()]


def contrary(ballots: Sequence[Ballot]) -> set[str]:
    """Those who, in ``SHARED`` votes or more on what others voted on, agree with most of them less than half the time.

    The one who agrees least is taken out first and the others are counted anew, so that whoever was only outvoted by
    them stays. Where several agree as little, those go who are against the rest without the others too: of two who only
    contradict each other nobody can say who is right, and both stay.
    """
    out: set[str] = set()
    even: set[str] = set()
    while True:
        rates = {by: rate for by, rate in _rates(ballots, out).items() if by not in even}
        worst = min(rates.values(), default=(AGREED, 0))
        if worst[0] >= AGREED:
            return out
        tied = {by for by, rate in rates.items() if rate == worst}
        against_the_rest = {by for by in tied if _rates(ballots, out | tied - {by}).get(by, (AGREED, 0))[0] < AGREED}
        out |= against_the_rest
        even |= tied - against_the_rest


def _rates(ballots: Sequence[Ballot], without: Collection[str]) -> dict[str, tuple[float, int]]:
    """By supplier of ``SHARED`` votes or more: how often they agree, and on how much, negated: more come first."""
    votes, shared, agreed = _agreement([one for one in ballots if one.by not in without])
    return {by: (agreed[by] / number, -number) for by, number in shared.items() if votes[by] >= SHARED}


def _agreement(ballots: Sequence[Ballot]) -> tuple[Mapping[str, int], Mapping[str, int], Mapping[str, int]]:
    """By supplier, of what most others are of one mind about: votes, things, and those of them that they agree on."""
    for_it: Counter[Any] = Counter()
    of: Counter[Any] = Counter()
    for one in ballots:
        of[one.about] += 1
        for_it[one.about] += one.right
    votes: Counter[str] = Counter()
    shared: Counter[str] = Counter()
    agreed: Counter[str] = Counter()
    for one in ballots:
        others, theirs = of[one.about] - 1, for_it[one.about] - one.right
        if others and 2 * theirs != others:
            votes[one.by] += one.votes
            shared[one.by] += 1
            agreed[one.by] += (2 * theirs > others) == one.right
    return votes, shared, agreed
