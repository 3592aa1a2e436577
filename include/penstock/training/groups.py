"""Which examples belong together, so that no split tears them apart.

Two examples are of one group where they share a document or a session, or where their texts nearly say the same;
and so on from each to the next. Near-duplicates are found by MinHash with locality-sensitive hashing (Broder, "On the
resemblance and containment of documents", 1997; ``datasketch``) and then compared as they are, so that no
estimate decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Member:
    """One example as its group is found. ``ties`` name what it shares with others: documents, a session."""

    id: str
    text: str
    ties: tuple[str, ...]


def document_tie(document: str) -> str:
    return f"document {document}"


def groups(members: Sequence[Member]) -> list[list[str]]:
    """Ids in groups, each sorted, the groups by their first: the same whatever the order of ``members``."""
    parents = {one.id: one.id for one in members}
    first_with: dict[str, str] = {}
    for one in members:
        for tie in one.ties:
            _join(parents, first_with.setdefault(tie, one.id), one.id)
    for a, b in alike({one.id: one.text for one in members}):
        _join(parents, a, b)
    found: dict[str, list[str]] = {}
    for one in members:
        found.setdefault(_root(parents, one.id), []).append(one.id)
    return sorted(sorted(group) for group in found.values())


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
