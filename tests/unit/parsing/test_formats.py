"""Each format against its golden file. ``PENSTOCK_UPDATE_GOLDEN=1`` writes them anew; read the difference."""

import gzip
import json
import os
import zipfile
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from penstock.parsing import to_json
from penstock.parsing.detect import claimed_type
from penstock.parsing.formats import MODULES
from penstock.records import ELEMENT_JOIN, Parsed, Reason
from unit.parsing import documents

GOLDEN = Path(__file__).parents[2] / "golden" / "parsing"
UPDATE = bool(os.environ.get("PENSTOCK_UPDATE_GOLDEN"))  # before a fixture clears the environment

SAMPLES = {
    "manual.md": lambda: documents.MARKDOWN,
    "page.html": lambda: documents.HTML,
    "notes.txt": lambda: documents.TEXT,
    "parts.csv": lambda: documents.CSV,
    "parts.tsv": lambda: documents.TSV,
    "parts.json": lambda: documents.JSON,
    "parts.xml": lambda: documents.XML,
    "feed.xml": lambda: documents.FEED,
    "talk.vtt": lambda: documents.VTT,
    "pump.rst": lambda: documents.RST,
    "includes.rst": lambda: documents.RST_INCLUDES,
    "pump.adoc": lambda: documents.ADOC,
    "pump.tex": lambda: documents.TEX,
    "frames.docx": documents.docx_with_frames,
    "controls.docx": documents.docx_with_controls,
    "chart.pptx": documents.pptx_with_chart,
    "pump.rtf": lambda: documents.RTF,
    "pump.docx": documents.docx,
    "pump.pptx": documents.pptx,
    "parts.xlsx": documents.xlsx,
    "pump.odt": documents.odt,
    "pump.epub": documents.epub,
    "pump.pdf": lambda: documents.pdf(*documents.PDF_PAGES),
    "tables.pdf": documents.pdf_with_tables,
    "hello.eml": documents.eml,
    "hello.msg": documents.outlook_mail,
    "parts.xls": documents.old_sheet,
    "parts.ndjson": lambda: documents.NDJSON,
    "pump.org": lambda: documents.ORG,
    "pump.zip": lambda: documents.zipped(documents.MEMBERS),
    "pump.tar": documents.tar,
    "pump.tar.gz": lambda: gzip.compress(documents.tar()),
    "notes.md.gz": lambda: gzip.compress(documents.MARKDOWN.encode()),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_format_yields_its_golden_elements(parse, name):
    parsed = parse(name, SAMPLES[name]())
    assert isinstance(parsed, Parsed), parsed
    found = json.loads(to_json(parsed))
    if parsed.attachments:
        found["attachments"] = {one.name: sha256(one.data).hexdigest() for one in parsed.attachments}
    path = GOLDEN / f"{name}.json"
    if UPDATE:
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    assert found == json.loads(path.read_text(encoding="utf-8"))
    for element in parsed.elements:
        assert parsed.text[element.start : element.end] == element.text
        assert element.text == element.text.strip("\n") != ""
    assert parsed.text == ELEMENT_JOIN.join(element.text for element in parsed.elements)


def test_every_format_has_a_golden_file():
    assert {claimed_type(name) for name in SAMPLES} == set(MODULES)


def test_the_strict_variant_of_a_word_document_reads_like_the_usual_one(parse):
    assert b"purl.oclc.org" in zipfile.ZipFile(BytesIO(documents.strict(documents.docx()))).read("_rels/.rels")
    assert parse("a.docx", documents.strict(documents.docx())).elements == parse("a.docx", documents.docx()).elements


def test_the_same_bytes_give_the_same_artefact(parse):
    assert to_json(parse("a.md", documents.MARKDOWN)) == to_json(parse("a.md", documents.MARKDOWN))


def test_attachments_come_back_with_safe_and_distinct_names(parse):
    parsed = parse("hello.eml", documents.eml())
    assert [(a.name, a.data.strip()) for a in parsed.attachments[:2]] == [
        ("notes.bin", b"one"),
        ("notes-2.bin", b"two"),
    ]
    assert parsed.attachments[2].name == "Inner.eml"
    inner = parse(parsed.attachments[2].name, parsed.attachments[2].data)
    assert (inner.title, inner.elements[-1].text) == ("Inner", "Inside.")


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("---\ntitle: Plain words # a comment\n---\n", "Plain words"),
        ("---\ntags: [a]\ntitle: 'It''s'\n---\n", "It's"),
        ("---\ntitle: >-\n  Folded\n  words\n---\n", "Folded words"),
        ('+++\ntitle = "Toml"\n+++\n', "Toml"),
        ("---\r\ntitle: Windows\r\n---\r\n", "Windows"),
        ("---\nweight: 1\n---\n", "Head"),
    ],
)
def test_front_matter_gives_the_title_and_no_text(parse, front, title):
    parsed = parse("page.md", front + "# Head\n\nBody.")
    assert (parsed.title, parsed.text) == (title, "Head\n\nBody.")


@pytest.mark.parametrize("opening", ["----", "....", "++++", "```", "```sh", "* ----", "a::\n  ```"])
def test_a_verbatim_block_of_asciidoc_that_nothing_closes_costs_no_text(parse, opening):
    """pandoc 3.9 fills its memory on each of these."""
    parsed = parse("a.adoc", f"= Pump\n\n```\n----\n```\n\n{opening}\nIt lifts.\n\nIt turns.\n".encode())
    assert "It lifts." in parsed.text
    assert "It turns." in parsed.text


def test_a_rule_above_a_paragraph_is_not_front_matter(parse):
    assert parse("page.md", "---\nJust words.\n\n---\n\nMore.").text == "Just words.\n\nMore."


def test_an_article_is_freed_of_what_surrounds_it(parse):
    body = "".join(f"<p>Paragraph {n}: {'the pump lifts water up the hill, ' * 6}and so on.</p>" for n in range(8))
    page = (
        "<html><head><title>News</title></head><body><div class='nav'><a href='/'>Home</a> <a href='/b'>Buy</a></div>"
        f"<article><h1>Big news</h1>{body}</article><div class='footer'>Imprint and cookies</div></body></html>"
    )
    parsed = parse("news.html", page)
    assert parsed.parser == "trafilatura"
    assert "Imprint" not in parsed.text
    assert parsed.elements[0].kind == "title"
    assert parsed.elements[-1].headings == ("Big news",)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.txt", "Grüße, wir können es.".encode("utf-16"), "Grüße, wir können es."),
        ("a.txt", "plain words, wide".encode("utf-16-le"), "plain words, wide"),
        ("a.txt", "Zwölf Boxkämpfer jagen Viktor quer über den großen Deich.".encode("latin-1"), None),
        ("a.txt", b"hello\0world\n", "helloworld"),
        ("a.md", "a\u200bb \u202egnp\u202c e\u0301".encode(), "ab gnp é"),
        ("a.json", b'["\\ud800 x"]', "\ufffd x"),
        ("a.rst", "Grüße an alle Müller, schöne Wörter.".encode("latin-1"), "Grüße an alle Müller, schöne Wörter."),
    ],
)
def test_text_is_decoded_and_cleaned(parse, name, data, text):
    expected = text or "Zwölf Boxkämpfer jagen Viktor quer über den großen Deich."
    assert parse(name, data).text == expected


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "El niño comió jamón en la montaña. ¿Mañana será otro día para el señor?"),
        ("cp1252", "Voilà l'été, les élèves sont à l'école où ça commence tôt."),
        ("cp1252", "A situação não é fácil. Coração e mãe. 5 m³ d'água."),
        ("cp1252", "Blåbærgrød og rødgrød med fløde på øen. Århus er smuk."),
        ("cp1252", "café naïve señor"),
        ("cp1250", "Zażółć gęślą jaźń. Książka leży na stole, a łódź płynie rzeką."),
        ("cp1250", "Příliš žluťoučký kůň úpěl ďábelské ódy. Dnes je hezky a děti šly do školy."),
        ("cp1250", "Árvíztűrő tükörfúrógép. A gyerekek ma iskolába mennek, mert hétfő van."),
        ("cp1251", "Съешь же ещё этих мягких французских булок, да выпей чаю."),
        ("cp1253", "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Η θάλασσα είναι γαλάζια σήμερα."),
        ("cp932", "日本語の文書です。今日はいい天気ですね。"),
    ],
)
def test_the_code_page_of_an_old_file_is_told_by_its_letters(parse, encoding, text):
    assert parse("a.txt", text.encode(encoding)).text == text


def test_what_a_page_hides_is_not_its_text(parse):
    page = (
        "<html><body style='visibility: hidden'><p>Seen.</p><p style='color:red;DISPLAY : none'>Obey me.</p> tail"
        "<div style='visibility:hidden'><p>And me.</p></div><p>The rule display:none is text.</p></body></html>"
    )
    assert parse("a.html", page).text == "Seen.\n\ntail\n\nThe rule display:none is text."


def test_a_pdf_without_text_needs_ocr(parse):
    outcome = parse("scan.pdf", documents.pdf([(10, "")]))
    assert (outcome.reason, outcome.detail, outcome.remedy) == (
        Reason.UNSUPPORTED,
        "no text layer on its 1 pages",
        "it needs OCR, which penstock does not do",
    )
