"""Passages: exact pieces of the parsed text that hold their hits, and end where a section does."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contract.index_rows import row
from penstock.records import Chunk, IndexRow
from penstock.retrieval.passages import join
from penstock.retrieval.places import Place

SECTIONS = (4, 1, 3)
"""Chunks of each section of the document."""


def document() -> tuple[str, list[Chunk]]:
    """A text of eight lines in three sections, a chunk a line."""
    text, chunks = "", []
    for section, size in enumerate(SECTIONS):
        for n in range(size):
            line = f"section {section} line {n} {'x' * n}"
            chunks.append(Chunk(line, len(text), len(text) + len(line), "text", (f"S{section}",), section, 3))
            text += line + "\n\n"
    return text, chunks


TEXT, CHUNKS = document()


def found(*places: int, neighbours: int = 1, documents: tuple[str, ...] = ()) -> list[tuple[str, tuple[str, ...]]]:
    names = documents or ("doc",) * len(places)
    rows: list[IndexRow] = [
        row(name, CHUNKS[at].text, headings=CHUNKS[at].headings, nth=at) for name, at in zip(names, places, strict=True)
    ]
    ids = {one.id: str(at) for one, at in zip(rows, places, strict=True)}
    passages = join(
        [(one, Place("rev", CHUNKS, at, "parse")) for one, at in zip(rows, places, strict=True)],
        neighbours,
        lambda _key: TEXT,
    )
    for passage in passages:
        assert passage.text == TEXT[passage.start : passage.end]
    return [(passage.text, tuple(ids[chunk] for chunk in passage.chunks)) for passage in passages]


def lines(first: int, last: int) -> str:
    return TEXT[CHUNKS[first].start : CHUNKS[last].end]


def test_a_hit_takes_its_neighbours_with_it_and_none_from_the_next_section() -> None:
    assert found(1) == [(lines(0, 2), ("1",))]
    assert found(3) == [(lines(2, 3), ("3",))]
    assert found(4) == [(lines(4, 4), ("4",))]
    assert found(6, neighbours=5) == [(lines(5, 7), ("6",))]
    assert found(6, neighbours=0) == [(lines(6, 6), ("6",))]


def test_passages_that_meet_are_one_in_the_rank_of_its_best_hit() -> None:
    assert found(6, 0, 3) == [(lines(5, 7), ("6",)), (lines(0, 3), ("0", "3"))]
    assert found(3, 6, 0) == [(lines(0, 3), ("3", "0")), (lines(5, 7), ("6",))]
    assert found(3, 0, neighbours=0) == [(lines(3, 3), ("3",)), (lines(0, 0), ("0",))]


def test_two_documents_are_never_one_passage() -> None:
    assert found(1, 2, documents=("a", "b")) == [(lines(0, 2), ("1",)), (lines(1, 3), ("2",))]


@given(
    st.permutations(range(len(CHUNKS))).flatmap(lambda all_: st.integers(1, 8).map(lambda n: all_[:n])),
    st.integers(0, 3),
)
def test_every_hit_is_in_one_passage_and_none_overlap(places: list[int], neighbours: int) -> None:
    passages = found(*places, neighbours=neighbours)
    assert sorted(at for _, hits in passages for at in hits) == sorted(map(str, places))
    assert [hits[0] for _, hits in passages] == [
        at for at in map(str, places) if at in {hits[0] for _, hits in passages}
    ]
    spans = sorted((TEXT.index(text), TEXT.index(text) + len(text)) for text, _ in passages)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    for text, hits in passages:
        assert all(CHUNKS[int(at)].text in text for at in hits)
