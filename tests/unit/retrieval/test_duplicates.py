"""What says nearly the same is one answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from contract.index_rows import row
from penstock.records import Hit
from penstock.retrieval.duplicates import collapse, shingles

WORDS = [
    "the",
    "miller",
    "grinds",
    "barley",
    "in",
    "the",
    "old",
    "mill",
    "beside",
    "the",
    "river",
    "while",
    "the",
    "heron",
    "waits",
    "for",
    "eels",
    "below",
    "the",
    "weir",
]


def hits(*texts: str) -> list[Hit]:
    return [Hit(row(f"doc-{n}", text), 1.0 - n / 100) for n, text in enumerate(texts)]


def kept(*texts: str, at_least: float = 0.9, k: int = 10) -> list[tuple[str, list[str]]]:
    return [(one.hit.row.key, [hit.row.key for hit in one.same]) for one in collapse(hits(*texts), at_least, k)]


def test_one_text_in_three_documents_is_one_hit_with_two_more_places() -> None:
    text = " ".join(WORDS)
    assert kept(text, "something else entirely", text.upper(), f"  {text}\n") == [
        ("doc-0", ["doc-2", "doc-3"]),
        ("doc-1", []),
    ]


def test_a_number_that_differs_in_a_long_text_is_still_alike_and_in_a_short_one_is_not() -> None:
    long = [f"{n} word{n}" for n in range(60)]
    assert len(kept(" ".join(long), " ".join([*long[:-1], "another ending"]))) == 1
    assert len(kept("the pay is 240 pounds", "the pay is 280 pounds")) == 2


def test_alike_to_one_that_was_not_kept_is_not_alike_to_what_was() -> None:
    """a ~ b and b ~ c, but not a ~ c: c is kept, since what stands for it would not say what it says."""
    a, b, c = (" ".join(f"w{n}" for n in range(start, start + 40)) for start in (0, 4, 8))
    assert kept(a, b, c, at_least=0.8) == [("doc-0", ["doc-1"]), ("doc-2", [])]


def test_k_distinct_hits_come_back_where_there_are_so_many() -> None:
    texts = [" ".join(WORDS)] * 5 + [f"text number {n} is about {n * 7} other things" for n in range(5)]
    assert [key for key, _ in kept(*texts, k=3)] == ["doc-0", "doc-5", "doc-6"]


@given(
    st.lists(st.lists(st.sampled_from(WORDS[:6]), min_size=0, max_size=9).map(" ".join), max_size=12),
    st.sampled_from([0.0, 0.5, 0.9, 1.0]),
)
def test_every_hit_is_kept_or_stands_under_one_that_it_is_like(texts: list[str], at_least: float) -> None:
    found = collapse(hits(*texts), at_least, len(texts))
    assert sorted(hit.row.key for one in found for hit in (one.hit, *one.same)) == sorted(
        f"doc-{n}" for n in range(len(texts))
    )
    assert [one.hit.score for one in found] == sorted((one.hit.score for one in found), reverse=True)
    sets = [shingles(one.hit.row.text) for one in found]
    for n, mine in enumerate(sets):
        for other in sets[:n]:
            assert len(mine & other) < at_least * len(mine | other)
        for hit in found[n].same:
            theirs = shingles(hit.row.text)
            assert len(mine & theirs) >= at_least * len(mine | theirs)
