"""Where each question of a training set stands: its split, for ever, and its group, within one split. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.training.groups import Member, groups
from penstock.training.splits import SHARES, Split, assign


@dataclass(frozen=True, slots=True)
class Placed:
    """By question: its split and the name of its group. ``bridges`` tie questions of several splits: left out."""

    splits: Mapping[str, Split]
    groups: Mapping[str, str]
    bridges: frozenset[str]


FIRST = [split for split, _share in SHARES]
"""A group that came to span splits stays where it must not be trained on."""


def place(members: Sequence[Member], before: Mapping[str, Split], index: str) -> Placed:
    """Group the questions and give each group a split; those with a split ``before`` keep it.

    Where something said since ties questions of two splits together, those that were held back stay in (the test split
    before the others), and the others are left out of this set, though their split stands.
    """
    found = groups(members)
    assigned = assign(found, before, index)
    splits: dict[str, Split] = {}
    named: dict[str, str] = {}
    bridges = set(assigned.bridges)
    for group in found:
        taken = {assigned.splits[one] for one in group if one in assigned.splits}
        mine = next((split for split in FIRST if split in taken), Split.TRAIN)
        for one in group:
            if assigned.splits.get(one) is mine:
                splits[one], named[one] = mine, group[0]
            else:
                bridges.add(one)
    return Placed(splits, named, frozenset(bridges))
