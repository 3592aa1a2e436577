"""Which examples are trained on, chosen by, and judged by: by a hash of their group, and for ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from penstock.ids import hash_of
from penstock.training.groups import is_large


class Split(StrEnum):
    """Stable names: they are stored."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SHARES = ((Split.TEST, 0.2), (Split.VALIDATION, 0.1))
"""Of the groups; the rest is trained on."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """``splits``: example → split. ``bridges``: examples left out, each with the splits that it would have joined."""

    splits: Mapping[str, Split]
    bridges: Mapping[str, tuple[Split, ...]]


def assign(groups: Sequence[Sequence[str]], before: Mapping[str, Split], seed: str) -> Assigned:
    """Give every group a split. An example that has one ``before`` keeps it, and its whole group goes there.

    Where a new example ties groups together that are in different splits already, whatever is new of them is left out:
    in either split it would leak into the other. A group that is large all the same (one session asked most of it) is
    trained on: no model is judged by a single one. ``seed`` names the index, so that two indexes are split differently.
    """
    among = sum(map(len, groups))
    splits: dict[str, Split] = {}
    bridges: dict[str, tuple[Split, ...]] = {}
    for group in groups:
        known = {one: before[one] for one in group if one in before}
        taken = tuple(sorted(set(known.values())))
        splits |= known
        if len(taken) > 1:
            bridges |= dict.fromkeys((one for one in group if one not in before), taken)
        else:
            first = Split.TRAIN if is_large(len(group), among) else by_hash(min(group), seed)
            mine = taken[0] if taken else first
            splits |= dict.fromkeys(group, mine)
    return Assigned(splits, bridges)


def by_hash(name: str, seed: str) -> Split:
    """The split of a group that is called ``name``: the same on every machine.

    >>> [str(by_hash(name, "handbook")) for name in ("a", "b", "c", "d")]
    ['train', 'train', 'validation', 'train']
    """
    place = int(hash_of("split", seed, name)[:15], 16) / 16**15
    for split, share in SHARES:
        if place < share:
            return split
        place -= share
    return Split.TRAIN
