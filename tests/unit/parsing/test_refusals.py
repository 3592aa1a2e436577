"""Invariant 7: what is dangerous, disguised or broken ends with a typed reason."""

import gzip
import io
import tarfile
import zipfile

import pytest

from penstock.records import Reason, Refusal
from unit.parsing import documents

LAUGHS = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>'
PICTURE = '<!DOCTYPE l [<!ENTITY a SYSTEM "a.tif" NDATA TIF>]><l>words</l>'


def encrypted_zip():
    data = bytearray(documents.zipped({"word/document.xml": "x"}))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def tar_with_link():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


def nested_zip(depth):
    data = b"bottom"
    for _ in range(depth):
        data = documents.zipped({"inner.zip": data})
    return data


PDF = documents.pdf(*documents.PDF_PAGES)

CASES = {
    "empty": ("a.md", lambda: b" \n", Reason.EMPTY),
    "only front matter": ("a.md", lambda: "---\ntitle: x\n---\n", Reason.EMPTY),
    "pdf called docx": ("a.docx", lambda: PDF, Reason.WRONG_TYPE),
    "docx called txt": ("a.txt", documents.docx, Reason.WRONG_TYPE),
    "docx called pptx": ("a.pptx", documents.docx, Reason.WRONG_TYPE),
    "html called pdf": ("a.pdf", lambda: documents.HTML, Reason.WRONG_TYPE),
    "binary called md": ("a.md", lambda: bytes(range(256)) * 9, Reason.WRONG_TYPE),
    "old word": ("a.doc", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 99, Reason.UNSUPPORTED),
    "picture": ("a.png", lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * 99, Reason.UNSUPPORTED),
    "unknown": ("a.srt", lambda: "1", Reason.UNSUPPORTED),
    "archive of another kind": ("a.7z", lambda: b"7z\xbc\xaf\x27\x1c" + bytes(99), Reason.UNSUPPORTED),
    "bomb": ("a.docx", lambda: documents.zipped({"word/document.xml": b"0" * (80 << 20)}), Reason.ARCHIVE_BOMB),
    "many members": (
        "a.zip",
        lambda: documents.zipped(dict.fromkeys(map(str, range(10_001)), "")),
        Reason.ARCHIVE_BOMB,
    ),
    "nested": ("a.zip", lambda: nested_zip(5), Reason.ARCHIVE_BOMB),
    "gzip bomb": ("a.gz", lambda: gzip.compress(b"0" * (80 << 20)), Reason.ARCHIVE_BOMB),
    "zip slip": ("a.docx", lambda: documents.zipped({"../../x": "x", "word/a": "x"}), Reason.UNSAFE_PATH),
    "windows path": ("a.zip", lambda: documents.zipped({"C:\\x": "x"}), Reason.UNSAFE_PATH),
    "tar link": ("a.tar", tar_with_link, Reason.UNSAFE_PATH),
    "entities": ("a.xml", lambda: LAUGHS, Reason.ENTITY_BOMB),
    "entities in utf-16": ("a.xml", lambda: LAUGHS.encode("utf-16"), Reason.ENTITY_BOMB),
    "entities in a docx": ("a.docx", lambda: documents.zipped({"word/document.xml": LAUGHS}), Reason.ENTITY_BOMB),
    "external entity": ("a.xml", lambda: OUTSIDE, Reason.EXTERNAL_ENTITY),
    "deep html": ("a.html", lambda: "<html><body>" + "<div>" * 5000 + "x", Reason.TOO_DEEP),
    "deep xml": ("a.xml", lambda: "<a>" * 5000 + "x" + "</a>" * 5000, Reason.TOO_DEEP),
    "deep json": ("a.json", lambda: "[" * 50_000 + "]" * 50_000, Reason.TOO_DEEP),
    "encrypted zip": ("a.docx", encrypted_zip, Reason.ENCRYPTED),
    "encrypted office": (
        "a.docx",
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        Reason.ENCRYPTED,
    ),
    "half a pdf": ("a.pdf", lambda: PDF[: len(PDF) // 2], Reason.TRUNCATED),
    "half a docx": ("a.docx", lambda: documents.docx()[:9000], Reason.TRUNCATED),
    "half a json": ("a.json", lambda: '{"a": [1, 2', Reason.TRUNCATED),
    "half an xml": ("a.xml", lambda: "<?xml version='1.0'?><a><b>text", Reason.TRUNCATED),
    "no subtitles": ("a.vtt", lambda: "just words", Reason.WRONG_TYPE),
    "no mail": ("a.eml", lambda: "\nno headers here", Reason.WRONG_TYPE),
}


@pytest.mark.parametrize("case", CASES)
def test_a_refusal_is_typed_and_says_what_was_seen(parse, case):
    name, make, reason = CASES[case]
    outcome = parse(name, make())
    assert isinstance(outcome, Refusal), outcome
    assert outcome.reason is reason
    assert outcome.detail


def test_wrong_type_names_both_types_and_the_remedy(parse):
    assert parse("a.txt", documents.docx()) == Refusal(
        Reason.WRONG_TYPE, "the name claims txt, the bytes are docx", "give the file its true ending (.docx)"
    )


def test_unsupported_says_what_to_do(parse):
    assert parse("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").remedy == (
        "convert it to .docx (LibreOffice: soffice --convert-to docx)"
    )


def test_an_entity_that_only_names_a_picture_is_no_danger(parse):
    assert parse("a.xml", PICTURE).text == "words"


def test_a_repeated_member_does_not_hide_its_size(parse):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * (40 << 20))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("word/document.xml", b"0" * (40 << 20))
    assert parse("a.docx", buffer.getvalue()).reason is Reason.ARCHIVE_BOMB


COMMENT = f"<!--{'x' * 70_000}-->"
PARTS = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml", "xlsx": "xl/sharedStrings.xml"}


@pytest.mark.parametrize(("bad", "reason"), [(LAUGHS, Reason.ENTITY_BOMB), (OUTSIDE, Reason.EXTERNAL_ENTITY)])
@pytest.mark.parametrize("kind", ["docx", "pptx", "xlsx", "odt", "epub"])
def test_no_comment_hides_an_entity_of_an_office_file(parse, kind, bad, reason):
    """It pushes the declaration out of any piece of fixed length that is looked at."""
    part = PARTS.get(kind) or {"odt": "content.xml", "epub": "a.xhtml"}[kind]
    with zipfile.ZipFile(io.BytesIO(getattr(documents, kind)())) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    padded = bad.replace("<!DOCTYPE", f"{COMMENT}<!DOCTYPE")
    assert parse(f"a.{kind}", documents.zipped(members | {part: padded})).reason is reason


def test_an_entity_after_one_that_nothing_declares_is_seen(parse):
    hidden = '<!DOCTYPE l [%x; <!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>'
    assert parse("a.xml", hidden).reason is Reason.EXTERNAL_ENTITY


def test_a_prolog_without_end_is_refused(parse):
    assert parse("a.xml", f"<?xml version='1.0'?>{COMMENT * 16}<a>x</a>") == Refusal(
        Reason.TOO_LARGE, "1 MB of XML holds no element", "remove the comments before the first element"
    )


def test_a_document_that_shows_an_entity_declares_none(parse):
    shown = "<!DOCTYPE l><l><![CDATA[<!ENTITY a 'ha'>]]> is how it is done.</l>"
    assert parse("a.xml", shown).text == "<!ENTITY a 'ha'> is how it is done."


@pytest.mark.parametrize(("name", "page"), [("a.md", "First.\n\n{}\n\nLast."), ("a.html", "<p>First.<p>{}<p>Last.")])
def test_a_paragraph_that_the_parser_of_html_would_drop_is_refused(parse, name, page):
    assert parse(name, page.format("word " * 2_000_000)) == Refusal(
        Reason.TOO_LARGE, "a paragraph of more than 9 MB", "divide it, or store the document as .txt"
    )
