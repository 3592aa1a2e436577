"""What a mail says and what it carries: no part of it is lost, and only true alternatives stand for one another."""

from email import message_from_string
from email.message import EmailMessage
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

HTML, PLAIN = MIMEText("<p>The rich body.</p>", "html"), MIMEText("The plain body.", "plain")


def mail(subtype, *parts):
    message = MIMEMultipart(subtype)
    for part in parts:
        message.attach(part)
    return message


def named(text, subtype, name, disposition="inline"):
    part = MIMEText(text, subtype)
    part.add_header("Content-Disposition", disposition, filename=name)
    return part


def notice():
    lines = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\nStatus: 5.1.1\n"
    return message_from_string(lines)


def picture():
    part = MIMEBase("image", "png")
    part.set_payload("x")
    return part


def text(words, subtype="plain"):
    return MIMEText(f"<p>{words}</p>" if subtype == "html" else words, subtype)


CASES = {
    "inline file beside html": (
        mail("mixed", HTML, named("A line.", "plain", "run.log")), "The rich body.", ["run.log"],
    ),
    "inline page beside plain": (
        mail("mixed", PLAIN, named("<p>A page.</p>", "html", "page.html")), "The plain body.", ["page.html"],
    ),
    "footer of a list": (mail("mixed", HTML, text("The footer.")), "The rich body.\n\nThe footer.", []),
    "parts around a file": (
        mail("mixed", text("One."), text("Two.", "html"), named("x", "plain", "a.txt", "attachment"), text("Three."),
             text("Four.", "html")),
        "One.\n\nTwo.\n\nThree.\n\nFour.", ["a.txt"],
    ),
    "alternatives, one of which goes around a file": (
        mail("alternative", PLAIN, mail("mixed", HTML, named("x", "plain", "a.txt"), text("More.", "html"))),
        "The rich body.\n\nMore.", ["a.txt"],
    ),
    "alternatives with pictures": (
        mail("alternative", PLAIN, mail("related", HTML, picture())), "The rich body.", ["attachment.bin"],
    ),
    "a file beside the alternatives": (
        mail("mixed", mail("alternative", PLAIN, HTML), named("x", "html", "a.html"), text("The footer.")),
        "The rich body.\n\nThe footer.", ["a.html"],
    ),
    "an alternative that says nothing": (mail("alternative", PLAIN, text("", "html")), "The plain body.", []),
    "a mail that came back": (
        mail("report", PLAIN, notice()), "The plain body.", ["delivery-status.txt"],
    ),
    "a file alone": (named("A line.", "plain", "run.log", "attachment"), None, ["run.log"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_text_is_in_the_body_or_a_document_of_its_own(parse, case):
    message, body, files = CASES[case]
    parsed = parse("a.eml", message.as_bytes())
    assert (parsed.text or None, [one.name for one in parsed.attachments]) == (body, files)


def test_the_bytes_of_an_inline_file_are_kept(parse):
    message = EmailMessage()
    message.set_content("<p>See the log.</p>", subtype="html")
    message.add_attachment("The first line.\n", filename="run.log", disposition="inline")
    [log] = parse("a.eml", message.as_bytes()).attachments
    assert (log.name, log.data) == ("run.log", b"The first line.\n")


def test_the_notice_of_a_mail_server_keeps_its_lines(parse):
    [status] = parse("a.eml", mail("report", PLAIN, notice()).as_bytes()).attachments
    assert b"Reporting-MTA: dns; mx.example.org" in status.data
    assert b"Status: 5.1.1" in status.data
