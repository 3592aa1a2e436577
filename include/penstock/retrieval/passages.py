"""Passages that read by themselves: each hit with its neighbours in its section, joined where they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penstock.records import IndexRow
from penstock.retrieval.places import Place
from penstock.retrieval.results import Passage


@dataclass(slots=True)
class _Run:
    """Successive chunks of a section, from ``first`` to ``last``, and the ranks of the hits that it is about."""

    row: IndexRow
    place: Place
    first: int
    last: int
    ranks: list[int]

    def meets(self, later: _Run) -> bool:
        return self.section == later.section and later.first <= self.last + 1

    def take_in(self, later: _Run) -> None:
        self.last = max(self.last, later.last)
        self.ranks = sorted(self.ranks + later.ranks)

    @property
    def section(self) -> tuple[str, tuple[str, ...]]:
        return self.row.document_id, self.row.headings


def join(hits: Sequence[tuple[IndexRow, Place]], neighbours: int, text_of: Callable[[str], str]) -> tuple[Passage, ...]:
    """The passages of ``hits``, each in the rank of its best hit.

    A hit takes up to ``neighbours`` chunks with it on either side, none from beyond its section; what meets is joined.
    ``text_of`` gives the text that the spans of a parse point into.
    """
    found = [_around(rank, row, place, neighbours) for rank, (row, place) in enumerate(hits)]
    runs: list[_Run] = []
    for run in sorted(found, key=lambda one: (one.section, one.first)):
        if runs and runs[-1].meets(run):
            runs[-1].take_in(run)
        else:
            runs.append(run)
    return tuple(_passage(run, hits, text_of) for run in sorted(runs, key=lambda one: one.ranks))


def _around(rank: int, row: IndexRow, place: Place, neighbours: int) -> _Run:
    first = last = place.nth
    while first > max(place.nth - neighbours, 0) and place.chunks[first - 1].headings == row.headings:
        first -= 1
    end = min(place.nth + neighbours, len(place.chunks) - 1)
    while last < end and place.chunks[last + 1].headings == row.headings:
        last += 1
    return _Run(row, place, first, last, [rank])


def _passage(run: _Run, hits: Sequence[tuple[IndexRow, Place]], text_of: Callable[[str], str]) -> Passage:
    first, last = run.place.chunks[run.first], run.place.chunks[run.last]
    return Passage(
        document_id=run.row.document_id,
        source=run.row.source,
        key=run.row.key,
        title=run.row.title,
        headings=run.row.headings,
        page=first.page,
        revision=run.place.revision,
        start=first.start,
        end=last.end,
        text=text_of(run.place.parse_key)[first.start : last.end],
        chunks=tuple(hits[rank][0].id for rank in run.ranks),
    )
