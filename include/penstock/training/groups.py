"""Which examples belong together, so that no split tears them apart.

Two examples are of one group where they share a document or a session, or where their texts nearly say the same;
and so on from each to the next. Near-duplicates are found by MinHash with locality-sensitive hashing (Broder, "On the
resemblance and containment of documents", 1997; ``datasketch``) and then compared as they are, so that no
estimate decides.

Where questions have several right documents, chains of them soon tie most of a log into one group (so do a few false
votes), and nothing could be held back. A group that large is cut: there each question is tied by its best document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from penstock.words import words

ALIKE = 0.8
"""Jaccard of two texts' words (of short ones) or pairs of successive words, from which on they say the same."""
PERMUTATIONS = 128
SHORT = 12
"""Words of a text up to which single ones are compared: the wordings of one question differ in their order too."""
CANDIDATE_ALIKE = 0.6
"""Where the hashes are asked: low enough that hardly a pair above ``ALIKE`` is missed."""
LARGE, LARGEST = 20, 0.1
"""Members, and their share of all, above both of which a group is cut."""


@dataclass(frozen=True, slots=True)
class Member:
    """One example as its group is found. ``ties`` name what it shares with others: its best document, its sessions.

    ``others`` do so where the group that comes of them does not grow too large: further documents.
    """

    id: str
    text: str
    ties: tuple[str, ...]
    others: tuple[str, ...] = ()


def document_tie(document: str) -> str:
    return f"document {document}"


def groups(members: Sequence[Member]) -> list[list[str]]:
    """Ids in groups, each sorted, the groups by their first: the same whatever the order of ``members``."""
    by_id = {one.id: one for one in members}
    pairs = list(alike({one.id: one.text for one in members}))
    found: list[list[str]] = []
    for group in _united(members, lambda one: (*one.ties, *one.others), pairs):
        if is_large(len(group), len(members)):
            inside = set(group)
            mine = [pair for pair in pairs if inside.issuperset(pair)]
            found += _united([by_id[one] for one in group], lambda one: one.ties, mine)
        else:
            found.append(group)
    return sorted(found)


def is_large(group: int, among: int) -> bool:
    """
    >>> is_large(20, 100), is_large(21, 100), is_large(100, 1_000), is_large(101, 1_000)
    (False, True, False, True)
    """
    return group > max(LARGE, LARGEST * among)


def _united(
    members: Sequence[Member], ties: Callable[[Member], Iterable[str]], pairs: Iterable[tuple[str, str]]
) -> list[list[str]]:
    parents = {one.id: one.id for one in members}
    first_with: dict[str, str] = {}
    for one in members:
        for tie in ties(one):
            _join(parents, first_with.setdefault(tie, one.id), one.id)
    for a, b in pairs:
        _join(parents, a, b)
    found: dict[str, list[str]] = {}
    for one in members:
        found.setdefault(_root(parents, one.id), []).append(one.id)
    return [sorted(group) for group in found.values()]


def alike(texts: Mapping[str, str], others: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Pairs of names whose texts nearly say the same: among ``texts``, or of ``texts`` with ``others``."""
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=CANDIDATE_ALIKE, num_perm=PERMUTATIONS)
    known = {name: shingles(text) for name, text in (texts if others is None else others).items()}
    asked = known if others is None else {name: shingles(text) for name, text in texts.items()}
    for name, mine in known.items():
        lsh.insert(name, _hashed(mine))
    for name, mine in asked.items():
        for other in sorted(lsh.query(_hashed(mine))):
            if (others is not None or name < other) and jaccard(mine, known[other]) >= ALIKE:
                yield name, other


def shingles(text: str) -> frozenset[str]:
    """What texts are compared by.

    >>> sorted(shingles("Who may swim? Who?"))
    ['may', 'swim', 'who']
    """
    found = words(text)
    if len(found) <= SHORT:
        return frozenset(found)
    return frozenset(f"{one} {two}" for one, two in pairwise(found))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """
    >>> jaccard(frozenset("ab"), frozenset("bc")), jaccard(frozenset(), frozenset())
    (0.3333333333333333, 1.0)
    """
    return len(a & b) / len(a | b) if a or b else 1.0


def _hashed(parts: Iterable[str]) -> object:
    from datasketch import MinHash

    found = MinHash(num_perm=PERMUTATIONS, seed=1)
    found.update_batch([part.encode(errors="surrogatepass") for part in parts])
    return found


def _join(parents: dict[str, str], a: str, b: str) -> None:
    low, high = sorted((_root(parents, a), _root(parents, b)))
    parents[high] = low


def _root(parents: dict[str, str], name: str) -> str:
    while parents[name] != name:
        parents[name] = parents[parents[name]]
        name = parents[name]
    return name
