"""What is called a table in XML: rows where there are any, and no text of it lost."""

import pytest

ROW = "<row><entry>a</entry><entry>1</entry></row>"

CASES = {
    "no rows at all, as phpMyAdmin exports": (
        "<table name='t'><column name='id'>1</column><column name='n'>salsify</column></table>",
        [("text", "1"), ("text", "salsify")],
    ),
    "a title, as DocBook has it": (
        f"<table><title>Prices</title><tgroup><tbody>{ROW}</tbody></tgroup></table><para>End.</para>",
        [("text", "Prices"), ("table", "a | 1"), ("text", "End.")],
    ),
    "a caption": (
        "<table><caption>Prices</caption><tr><td>a</td><td>1</td></tr></table>",
        [("text", "Prices"), ("table", "a | 1")],
    ),
    "words between the rows": (
        f"<table>before{ROW}between{ROW}{ROW}<note><para>after</para></note></table>",
        [("text", "before"), ("table", "a | 1"), ("text", "between"), ("table", "a | 1\na | 1"), ("text", "after")],
    ),
    "rows without cells": (
        "<table><tr>one</tr><tr><c>two</c><td>three</td></tr><row>four <b>five</b></row></table>",
        [("table", "one\ntwo | three\nfour five")],
    ),
    "a table in a cell": (
        f"<table><row><entry>a</entry><entry><table>{ROW}</table></entry></row></table>",
        [("table", "a | a 1")],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_table_keeps_its_text(parse, case):
    markup, wanted = CASES[case]
    parsed = parse("a.xml", f"<doc>{markup}</doc>")
    assert [(one.kind, one.text) for one in parsed.elements] == wanted


def test_the_title_of_a_table_is_no_heading_of_what_follows(parse):
    parsed = parse("a.xml", f"<doc><title>All</title><table><title>Prices</title>{ROW}</table><p>End.</p></doc>")
    assert parsed.elements[-1].headings == ("All",)
