"""Mails: subject and body are the document, attachments come back as documents of their own."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable, Iterator
from email.message import EmailMessage, Message
from io import BytesIO

from penstock.parsing.assemble import Draft, Piece, under
from penstock.parsing.decode import decode, is_wide
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import pieces_of_html
from penstock.parsing.formats.html import check_depth
from penstock.parsing.formats.text import pieces_of_text
from penstock.parsing.names import Found, numbered, safe_name
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason, Refusal
from penstock.settings import ParserSettings

MAIL_IN_MAIL = Refusal(
    Reason.UNSUPPORTED,
    "an item of Outlook inside a mail of Outlook has no bytes of its own",
    "save the inner item as a file of its own",
)
ENDINGS = {"text/plain": ".txt", "text/html": ".html", "application/pdf": ".pdf", "message/rfc822": ".eml"}


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    subject, body, found = _eml(data) if kind == "eml" else _msg(data)
    return Draft(under(subject, body), MEDIA_TYPES[kind], f"unstructured.{kind}", subject, numbered(found, safe_name))


def _eml(data: bytes) -> tuple[str, Iterable[Piece], list[Found]]:
    if is_wide(data):
        data = decode(data).encode("utf-8", "replace")
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    if not message.keys():
        raise RefusedDocument(Reason.WRONG_TYPE, "the name claims eml, the bytes have no mail headers", "rename it")
    if message.get_content_type() == "multipart/encrypted":
        raise RefusedDocument(Reason.ENCRYPTED, "the mail is encrypted", "store it decrypted")
    body = message.get_body(("html", "plain"))
    pieces = _body(_payload(body), body.get_content_type() == "text/html", _charset(body)) if body else []
    return str(message.get("Subject", "")), pieces, list(_parts(message))


def _parts(message: EmailMessage) -> Iterator[tuple[str, bytes]]:
    """Every part that is a file: declared attachments, and named or inline parts that are not the body."""
    body = message.get_body(("html", "plain"))
    alternatives = {id(part) for part in (message.get_body(("plain",)), message.get_body(("html",)), body) if part}
    yield from _walk(message, alternatives)


def _walk(part: Message, bodies: set[int]) -> Iterator[tuple[str, bytes]]:
    content_type = part.get_content_type()
    if content_type == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        subject = str(inner.get("Subject", "")) if isinstance(inner, Message) else ""
        name = part.get_filename() or f"{subject or 'message'}.eml"
        yield name, inner.as_bytes() if isinstance(inner, Message) else _payload(part)
    elif part.is_multipart():
        for inner in part.get_payload():
            if isinstance(inner, Message):
                yield from _walk(inner, bodies)
    elif id(part) not in bodies:
        yield part.get_filename() or "attachment" + ENDINGS.get(content_type, ".bin"), _payload(part)


def _msg(data: bytes) -> tuple[str, Iterable[Piece], list[Found]]:
    from oxmsg import Message as OutlookMessage

    message = OutlookMessage.load(BytesIO(data))
    if "encrypted" in str(message.message_headers.get("Content-Type", "")):
        raise RefusedDocument(Reason.ENCRYPTED, "the mail is encrypted", "store it decrypted")
    markup = message.html_body
    body = _body((markup or message.body or "").encode("utf-8", "replace"), bool(markup), "utf-8")
    files: list[Found] = [
        (a.file_name or "attachment.msg", MAIL_IN_MAIL if a.file_bytes is None else a.file_bytes)
        for a in message.attachments
    ]
    return message.subject or "", body, files


def _body(data: bytes, is_html: bool, charset: str | None) -> Iterable[Piece]:
    try:
        text = data.decode(charset or "utf-8")
    except (LookupError, UnicodeDecodeError):
        text = decode(data)
    if not is_html:
        return pieces_of_text(text)
    check_depth(text)
    return pieces_of_html(text) if text.strip() else []


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _charset(part: Message) -> str | None:
    return part.get_content_charset()
