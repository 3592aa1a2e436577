"""A text may be about any format; a file of that format under the name of a text is still told apart."""

import pytest

from penstock.records import Parsed, Reason, Refusal
from unit.parsing import documents

ABOUT_TAR = f"See the magic. {'x' * 242}ustar is the mark."

TEXTS = {
    "a page about PDF": ("a.md", "# PDF\n\nA file begins with %PDF- and a version."),
    "a web page about PDF": ("a.html", "<html><body><p>A file begins with %PDF-1.7 and no other.</p></body></html>"),
    "a log of downloads": ("a.log", "GET /x.pdf 200 first bytes: %PDF-1.4\n"),
    "a text about tar": ("a.txt", ABOUT_TAR),
    "a text about RTF": ("a.txt", r"{\rtf is how a rich text begins."),
}


@pytest.mark.parametrize("case", TEXTS)
def test_a_text_about_a_format_is_a_text(parse, case):
    name, text = TEXTS[case]
    parsed = parse(name, text)
    assert isinstance(parsed, Parsed), parsed
    assert all(word in text for word in parsed.text.split())


PDF = documents.pdf(*documents.PDF_PAGES)

LIES = {
    "PDF": ("a.md", PDF, "pdf"),
    "PDF after blank lines": ("a.txt", b"\n\n" + PDF, "pdf"),
    "PDF after junk": ("a.md", b"HTTP/1.1 200 OK\r\n\r\n%PDF-1.4\n" + bytes(range(256)) * 9, "pdf"),
    "tar": ("a.txt", documents.tar(), "tar"),
    "RTF": ("a.txt", documents.RTF, "rtf"),
}


@pytest.mark.parametrize("case", LIES)
def test_another_format_under_the_name_of_a_text_is_told_apart(parse, case):
    name, data, actual = LIES[case]
    assert parse(name, data) == Refusal(
        Reason.WRONG_TYPE,
        f"the name claims {name.rpartition('.')[2]}, the bytes are {actual}",
        f"give the file its true ending (.{actual})",
    )


def test_junk_before_a_document_that_says_what_it_is_does_no_harm(parse):
    assert parse("a.pdf", b"From the wire:\n" + PDF).text == parse("a.pdf", PDF).text


def test_a_damaged_tar_that_says_what_it_is_is_called_damaged(parse):
    assert parse("a.tar", documents.tar()[:1024].replace(b"start.md", b"state.md")).reason is Reason.TRUNCATED
