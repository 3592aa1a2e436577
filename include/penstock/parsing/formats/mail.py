"""Mails: subject and body are the document, attachments come back as documents of their own."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Iterable, Iterator
from email.message import Message
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
BODIES = ("text/plain", "text/html")


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    subject, body, found = _eml(data) if kind == "eml" else _msg(data)
    return Draft(under(subject, body), MEDIA_TYPES[kind], f"unstructured.{kind}", subject, numbered(found, safe_name))


def _eml(data: bytes) -> tuple[str, Iterable[Piece], list[Found]]:
    if is_wide(data):
        data = decode(data).encode("utf-8", "replace")
    message: Message = email.message_from_bytes(data, policy=email.policy.default)
    if not message.keys():
        raise RefusedDocument(Reason.WRONG_TYPE, "the name claims eml, the bytes have no mail headers", "rename it")
    if message.get_content_type() == "multipart/encrypted":
        raise RefusedDocument(Reason.ENCRYPTED, "the mail is encrypted", "store it decrypted")
    return str(message.get("Subject", "")), _said(message), list(_files(message))


def _said(part: Message) -> list[Piece]:
    """The text of the body: every part that is text and no file, in order.

    Of alternatives one stands for all: HTML before any other, unless it says nothing. Only the members of one
    ``multipart/alternative`` are alternatives; two texts beside one another are two parts of what was said.
    """
    if _is_alternative(part):
        return next((pieces for one in sorted(_inside(part), key=_lacks_html) if (pieces := _said(one))), [])
    if _is_text(part):
        return list(_body(_payload(part), part.get_content_type() == "text/html", part.get_content_charset()))
    return [piece for one in _inside(part) for piece in _said(one)]


def _files(part: Message) -> Iterator[Found]:
    """Every other part: what has a file name or is declared an attachment, pictures, mails."""
    if part.get_content_maintype() == "message":
        yield _enclosed(part)
    elif part.is_multipart():
        for one in _inside(part):
            yield from _files(one)
    elif not _is_text(part):
        ending = ENDINGS.get(part.get_content_type(), ".bin")
        yield part.get_filename() or "attachment" + ending, _payload(part)


def _enclosed(part: Message) -> Found:
    """A mail, or the notice of a mail server, whose text the standard library takes for headers."""
    inner = _members(part)
    name = f"{part.get_content_subtype()}.txt"
    if part.get_content_type() == "message/rfc822":
        name = f"{(inner and inner[0].get('Subject')) or 'message'}.eml"
    return part.get_filename() or name, b"\n".join(one.as_bytes() for one in inner) or _payload(part)


def _is_alternative(part: Message) -> bool:
    return part.get_content_type() == "multipart/alternative"


def _is_text(part: Message) -> bool:
    is_file = part.get_filename() or part.get_content_disposition() == "attachment"
    return part.get_content_type() in BODIES and not part.is_multipart() and not is_file


def _lacks_html(part: Message) -> bool:
    return not any(one.get_content_type() == "text/html" and _is_text(one) for one in part.walk())


def _inside(part: Message) -> list[Message]:
    """The members of a part that has some; those of a mail inside the mail are its own."""
    return [] if part.get_content_maintype() == "message" else _members(part)


def _members(part: Message) -> list[Message]:
    return [one for one in part.get_payload() if isinstance(one, Message)] if part.is_multipart() else []


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
