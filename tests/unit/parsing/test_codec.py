import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import StoreError
from penstock.parsing import from_json, parser_fingerprint, to_json
from penstock.parsing.assemble import Draft, Piece, assemble, clean_text, table_text
from penstock.parsing.names import numbered, safe_name
from penstock.records import Attachment, Element, Parsed
from penstock.settings import ParserSettings

PARSED = Parsed(
    (Element("title", "Pump", depth=1), Element("text", "It lifts.", ("Pump",), page=2, start=6)),
    "Pump",
    "text/markdown",
    "unstructured.md",
)


def test_the_persisted_form_is_fixed():
    assert to_json(PARSED) == (
        b'{"format":1,"title":"Pump","media_type":"text/markdown","parser":"unstructured.md","elements":['
        b'{"kind":"title","text":"Pump","start":0,"depth":1},'
        b'{"kind":"text","text":"It lifts.","start":6,"headings":["Pump"],"page":2}]}'
    )
    assert from_json(to_json(PARSED)) == PARSED


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b'{"format":2}',
            (
                "a parse of format 2; this penstock reads format 1: upgrade it, or run `penstock sync INDEX --verify`, "
                "which makes it again"
            ),
        ),
        (
            b"[1",
            (
                "an artefact of 2 bytes does not hold a parse (Expected `object`, got `array`); "
                "`penstock sync INDEX --verify` makes it again"
            ),
        ),
        (
            b'{"format":1}',
            (
                "an artefact of 12 bytes does not hold a parse (Object missing required field `elements`); "
                "`penstock sync INDEX --verify` makes it again"
            ),
        ),
    ],
)
def test_an_unknown_artefact_is_an_error(data, message):
    with pytest.raises(StoreError) as caught:
        from_json(data)
    assert str(caught.value) == message


KINDS = st.sampled_from(["title", "text", "list-item", "table", "code", "other"])
PIECES = st.lists(st.builds(Piece, KINDS, st.text(st.characters(), max_size=30), st.integers(0, 12)), max_size=8)


@given(PIECES)
def test_elements_are_clean_and_stand_where_they_say(pieces):
    parsed = assemble(Draft(pieces, "text/plain", "test"), "folder/file.txt")
    for element in parsed.elements:
        assert parsed.text[element.start : element.end] == element.text
        assert element.text.strip()
        assert all(char in "\n\t" or char.isprintable() or ord(char) > 0x9F for char in element.text)
        element.text.encode()
    assert from_json(to_json(parsed)) == parsed


def test_the_heading_path_follows_the_levels():
    pieces = [Piece("title", name, depth) for name, depth in (("A", 1), ("B", 3), ("C", 2), ("D", 1))]
    parsed = assemble(Draft(pieces, "", ""), "x")
    assert [element.headings for element in parsed.elements] == [(), ("A",), ("A",), ()]


def test_a_title_is_found_somewhere():
    assert assemble(Draft([Piece("text", "words")], "", ""), "the file.tar.txt").title == "the file.tar"


def test_cleaning_keeps_words_apart():
    assert clean_text(" a\r\nb\x0bc\n \n\nd ") == "a\nb\nc\nd"
    assert table_text([["a\nb", "c"], ["", ""], ["", "d"]]) == "a b | c\n| d"


def test_attachments_are_numbered_the_same_way_every_time():
    found = [("a.txt", b"1"), ("A.txt", b"2"), ("a-2.txt", b"3"), ("..", b"4"), ("x/../a.txt", b"5")]
    assert numbered(found, safe_name) == (
        Attachment("a.txt", b"1"),
        Attachment("A-2.txt", b"2"),
        Attachment("a-2-2.txt", b"3"),
        Attachment("attachment", b"4"),
        Attachment("a-3.txt", b"5"),
    )


def test_the_fingerprint_is_of_what_decides_the_output():
    base = parser_fingerprint(ParserSettings())
    assert base == parser_fingerprint(ParserSettings(workers=3, timeout_s=1, memory_mb=300, max_output_mb=1))
    changed = [
        ParserSettings(sentence_model="en_core_web_sm"),
        ParserSettings(html_articles=False),
        ParserSettings(max_attachment_depth=1),
    ]
    assert len({base, *map(parser_fingerprint, changed)}) == 4
