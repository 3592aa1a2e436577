"""Two sides on the same questions: what became better or worse, by how much, and whether that may be luck."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from penstock.evaluation import intervals, measures
from penstock.evaluation.intervals import Figure
from penstock.evaluation.measuring import Measured, Result


@dataclass(frozen=True, slots=True)
class Move:
    """A question that the two sides answer differently well, by nDCG@10."""

    question: str
    before: float
    after: float

    @property
    def by(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """``change``: measure → mean difference, ours less theirs. ``moves`` begin with the largest; the rest are ties."""

    change: Mapping[str, Figure]
    moves: Sequence[Move]
    ties: int
    unpaired: Collection[str]
    """Questions that only one of the two could be asked."""

    @property
    def wins(self) -> int:
        return sum(move.by > 0 for move in self.moves)

    @property
    def losses(self) -> int:
        return sum(move.by < 0 for move in self.moves)


def compare(ours: Measured, theirs: Measured) -> Comparison:
    """Pair the questions that both were asked.

    A document that answers and that only one of them holds is taken out of both rankings (condensed lists: Sakai,
    "Alternatives to Bpref", 2007), so that what was added or deleted is neither praised nor blamed.
    """
    both = [id_ for id_ in ours.results if id_ in theirs.results]
    pairs = {id_: _shared(ours.results[id_], theirs.results[id_]) for id_ in both}
    paired = {id_: grades for id_, grades in pairs.items() if grades}
    after, before = (_values(side, paired) for side in (ours, theirs))
    moves = [Move(id_, before[id_][measures.MAIN], after[id_][measures.MAIN]) for id_ in paired]
    moved = sorted((one for one in moves if one.by), key=lambda one: (-abs(one.by), one.by, one.question))
    unpaired = sorted((ours.results.keys() | theirs.results.keys()) - paired.keys())
    return Comparison(_change(after, before), moved, len(moves) - len(moved), unpaired)


def _shared(a: Result, b: Result) -> dict[str, int]:
    return {id_: grade for id_, grade in a.relevant.items() if id_ in b.relevant}


def _values(side: Measured, paired: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, float]]:
    rankings = {
        id_: [one for one in side.results[id_].documents if one in grades or one not in side.results[id_].relevant]
        for id_, grades in paired.items()
    }
    values = measures.by_question(paired, rankings)
    for id_, mine in values.items():
        if measures.SPAN in side.results[id_].values:
            mine[measures.SPAN] = side.results[id_].values[measures.SPAN]
    return values


def _change(after: Mapping[str, Mapping[str, float]], before: Mapping[str, Mapping[str, float]]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for name in (*measures.NAMES, measures.SPAN):
        differences = [after[id_][name] - before[id_][name] for id_ in after if name in after[id_]]
        if differences:
            found[name] = intervals.mean(differences)
    return found
