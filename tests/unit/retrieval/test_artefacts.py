"""What is kept of the lake in memory: found again, never for long, never too much, never another's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock import chunking, parsing
from penstock.lake import Kind, Lake
from penstock.lake_errors import MissingObjectError
from penstock.records import Chunk, Element, Parsed
from penstock.retrieval.artefacts import Artefacts, cut
from penstock.staging import numbered


def chunk(text: str, kind: str = "text", headings: tuple[str, ...] = ()) -> Chunk:
    return Chunk(text, 0, len(text), kind, headings, None, 3)


def parse(text: str) -> bytes:
    return parsing.to_json(Parsed((Element("text", text),), "Mill", "text/plain", "test"))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path))


def test_what_was_read_once_is_not_read_again_until_it_is_too_old(lake: Lake) -> None:
    clock = Clock()
    kept = Artefacts(lake, kept_s=60, clock=clock)
    lake.put(Kind.PARSED, "a", parse("The weir."))
    assert kept.parsed("a").text == "The weir."
    lake.delete(Kind.PARSED, ["a"])
    clock.now = 59
    assert kept.parsed("a").text == "The weir."
    clock.now = 61
    with pytest.raises(MissingObjectError):
        kept.parsed("a")


def test_what_was_forgotten_is_read_again(lake: Lake) -> None:
    kept = Artefacts(lake)
    lake.put(Kind.CHUNKS, "a", chunking.to_json([chunk("The weir.")]))
    assert kept.chunks("a").nth == {("The weir.", "text", (), 0): 0}
    lake.delete(Kind.CHUNKS, ["a"])
    kept.forget()
    with pytest.raises(MissingObjectError):
        kept.chunks("a")


def test_no_more_is_kept_than_may_be_and_what_is_larger_is_given_all_the_same(lake: Lake) -> None:
    texts = {name: name * 1000 for name in "abc"}
    for name, text in texts.items():
        lake.put(Kind.PARSED, name, parse(text))
    lake.put(Kind.PARSED, "large", parse("x" * 5000))
    kept = Artefacts(lake, max_bytes=2500)
    assert [kept.parsed(name).text for name in (*texts, "large", "large")] == [*texts.values(), *["x" * 5000] * 2]
    lake.delete(Kind.PARSED, [*texts, "large"])
    assert [_there(kept, name) for name in (*texts, "large")] == [False, True, True, False]


def _there(kept: Artefacts, name: str) -> bool:
    try:
        kept.parsed(name)
    except MissingObjectError:
        return False
    return True


def test_threads_never_get_the_artefact_of_another_key(lake: Lake) -> None:
    names = [f"{n:03}" for n in range(40)]
    for name in names:
        lake.put(Kind.PARSED, name, parse(name * 50))
    kept = Artefacts(lake, max_bytes=2000)  # room for a few: they push one another out all the time
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda name: kept.parsed(name).text, names * 20))
    assert found == [name * 50 for name in names * 20]


@given(
    st.lists(st.builds(chunk, st.sampled_from("ab"), st.sampled_from(["text", "table"]), st.sampled_from([(), ("A",)])))
)
def test_a_chunk_is_found_by_what_it_says_just_where_its_hash_would_find_it(chunks: list[Chunk]) -> None:
    by_hash = {(content, nth): at for at, (_, content, nth) in enumerate(numbered(chunks, "Title", {"year": "2024"}))}
    by_words = cut(chunks).nth
    assert sorted(by_words.values()) == sorted(by_hash.values()) == list(range(len(chunks)))
    for (text, kind, headings, nth), at in by_words.items():
        assert (chunks[at].text, chunks[at].kind, chunks[at].headings) == (text, kind, headings)
        assert at in [place for (_, other), place in by_hash.items() if other == nth]
