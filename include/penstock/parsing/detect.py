"""What a document is: the type its name claims, the type its bytes bear out, and whether the two agree."""

from __future__ import annotations

import json
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import PurePosixPath

import puremagic

from penstock.parsing.decode import BOMS, utf16_without_bom
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason

EXTENSIONS = {
    **dict.fromkeys(("md", "markdown", "mdx", "mkd"), "md"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("txt", "text", "log", ""), "txt"),
    **dict.fromkeys(("ndjson", "jsonl"), "ndjson"),
    **dict.fromkeys(("xlsx", "xlsm"), "xlsx"),
    **dict.fromkeys(("xml", "nxml"), "xml"),
    **{x: x for x in ("rst", "org", "csv", "tsv", "json", "vtt", "pdf", "docx", "pptx")},
    **{x: x for x in ("odt", "rtf", "epub", "eml", "msg", "xls", "zip", "tar")},
    **dict.fromkeys(("gz", "tgz"), "gz"),
    **dict.fromkeys(("adoc", "asciidoc"), "adoc"),
    **dict.fromkeys(("tex", "latex"), "tex"),
}
TEXTS = {"md", "txt", "rst", "org", "adoc", "tex", "csv", "tsv", "json", "ndjson", "vtt", "eml"}

MEDIA_TYPES = {
    "md": "text/markdown",
    "html": "text/html",
    "txt": "text/plain",
    "rst": "text/x-rst",
    "org": "text/x-org",
    "adoc": "text/asciidoc",
    "tex": "application/x-tex",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "vtt": "text/vtt",
    "xml": "application/xml",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xls": "application/vnd.ms-excel",
    "odt": "application/vnd.oasis.opendocument.text",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "eml": "message/rfc822",
    "msg": "application/vnd.ms-outlook",
    "zip": "application/zip",
    "tar": "application/x-tar",
    "gz": "application/gzip",
}

IMAGES = ("png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "webp", "heic", "svg")
REMEDIES = {
    "doc": "convert it to .docx (LibreOffice: soffice --convert-to docx)",
    "ppt": "convert it to .pptx (LibreOffice: soffice --convert-to pptx)",
    "ods": "save it as .xlsx or .csv",
    "odp": "save it as .pptx or .pdf",
    **dict.fromkeys(IMAGES, "an image needs OCR, which penstock does not do: store its text beside it"),
    **dict.fromkeys(("7z", "rar", "bz2", "xz", "zst"), "unpack it at the source, or pack it as .zip or .tar.gz"),
}
LEAVE_OUT = "convert it to one of {}, or leave it out by the source's `exclude`"

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
MAGIC = {b"\x1f\x8b": "gz", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
PDF_WITHIN = 1024
RTF = re.compile(rb"\{\\rtf\d*\s*[\\{]")
TAR_HEADER = 512
HINTS: dict[str, Callable[[bytes], bool]] = {
    "pdf": lambda data: b"%PDF-" in data[:PDF_WITHIN],
    "rtf": lambda data: data.startswith(b"{\\rtf"),
    "tar": lambda data: data[257:262] == b"ustar",
}
"""What a text may hold by chance, or because it is about the format: enough only where the name claims the type."""
CONTROLS = bytes(set(range(32)) - {0, 8, 9, 10, 11, 12, 13, 27})


def claimed_type(name: str) -> str:
    """Return the type that the file name claims, or its bare extension where penstock does not read it."""
    extension = PurePosixPath(name.lower()).suffix.lstrip(".")
    return EXTENSIONS.get(extension, extension)


def true_type(data: bytes, claimed: str = "") -> str:
    """Return what the bytes are: a type, "text", or "binary" where nothing is known of them.

    A file that is ``claimed`` to be a PDF, say, is one with junk before its beginning too.
    """
    if claimed in HINTS and HINTS[claimed](data):
        return claimed
    if data.startswith(ZIP):
        return _zip_type(data)
    if data.startswith(OLE):
        return _ole_type(data)
    for magic, kind in MAGIC.items():
        if data.startswith(magic):
            return kind
    for kind, is_kind in (("pdf", _is_pdf), ("tar", _is_tar), ("rtf", RTF.match)):
        if is_kind(data):
            return kind
    if looks_like_text(data):
        return _markup_type(data)
    return _foreign_type(data)


def _is_pdf(data: bytes) -> bool:
    """At the start, or after a little junk where the rest is no text."""
    return HINTS["pdf"](data) and (data.lstrip().startswith(b"%PDF-") or not looks_like_text(data))


def _is_tar(data: bytes) -> bool:
    """By the checksum of its first header."""
    if not HINTS["tar"](data):
        return False
    try:
        tarfile.TarInfo.frombuf(data[:TAR_HEADER], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def checked_type(name: str, data: bytes) -> str:
    """Return the type to parse as.

    Raises ``RefusedDocument``: ``WRONG_TYPE`` where name and bytes disagree, ``UNSUPPORTED`` where nothing reads it.
    """
    claimed = claimed_type(name)
    actual = true_type(data, claimed)
    if actual == "encrypted":
        raise RefusedDocument(Reason.ENCRYPTED, "the document is encrypted", "store it without a password")
    if claimed not in MEDIA_TYPES:
        raise unsupported(claimed)
    if claimed == actual or _compatible(claimed, actual):
        return claimed
    raise RefusedDocument(
        Reason.WRONG_TYPE,
        f"the name claims {claimed}, the bytes are {actual}",
        _remedy(claimed, actual),
    )


def _remedy(claimed: str, actual: str) -> str:
    if actual in MEDIA_TYPES:
        return f"give the file its true ending (.{actual})"
    return "store the file that was meant" + (", or save it as UTF-8" if claimed in TEXTS else "")


def unsupported(kind: str) -> RefusedDocument:
    remedy = REMEDIES.get(kind) or LEAVE_OUT.format(", ".join(MEDIA_TYPES))
    return RefusedDocument(Reason.UNSUPPORTED, f"penstock does not read {kind or 'this type'}", remedy)


def _compatible(claimed: str, actual: str) -> bool:
    """Text may be any text: a .txt may show HTML, a .md may begin with a tag, a mail is headers and text."""
    if claimed in TEXTS:
        return actual in ("text", "html", "xml")
    return (claimed, actual) in {("html", "text"), ("html", "xml"), ("xml", "html"), ("xml", "text")}


def looks_like_text(data: bytes) -> bool:
    """Zeros among clean text are dirt; zeros and control characters together are another kind of file."""
    if any(data.startswith(bom) for bom, _ in BOMS) or utf16_without_bom(data):
        return True
    sample = data[: 1 << 16]
    odd = len(sample) - len(sample.translate(None, CONTROLS))
    return odd <= len(sample) * 0.02 + 2 and sample.count(0) <= (len(sample) * 0.25 if odd <= 2 else odd)


def _markup_type(data: bytes) -> str:
    head = data[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")) or (head.startswith(b"<?xml") and b"<html" in head):
        return "html"
    return "xml" if head.startswith(b"<?xml") else "text"


BROKEN_ZIP = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError, KeyError),
)


def _zip_type(data: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            names = archive.namelist()
            declared = archive.read("mimetype")[:100].decode("ascii", "replace") if "mimetype" in names else ""
    except BROKEN_ZIP:  # archives.py says how it is broken
        return _zip_by_head(data)
    for start, kind in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
        if "[Content_Types].xml" in names and any(name.startswith(start) for name in names):
            return kind
    return _opendocument(declared)


def _zip_by_head(data: bytes) -> str:
    """Guess from the member names that stand in front of the data."""
    head = data[:65536]
    for mark, kind in ((b"word/", "docx"), (b"ppt/", "pptx"), (b"xl/", "xlsx")):
        if mark in head:
            return kind
    at = head.find(b"mimetype")
    return _opendocument(head[at + 8 : at + 108].decode("ascii", "replace")) if at >= 0 else "zip"


def _opendocument(declared: str) -> str:
    for mark, kind in (("epub", "epub"), ("opendocument.text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp")):
        if mark in declared:
            return kind
    return "zip"


def _ole_type(data: bytes) -> str:
    """Compound files name their streams in UTF-16; the names are anywhere in the file."""
    marks = {
        "EncryptedPackage": "encrypted",
        "__substg1.0_": "msg",
        "WordDocument": "doc",
        "PowerPoint Document": "ppt",
        "Workbook": "xls",
        "Book": "xls",
    }
    return next((kind for mark, kind in marks.items() if mark.encode("utf-16-le") in data), "binary")


def _foreign_type(data: bytes) -> str:
    try:
        return puremagic.from_string(data[:65536]).lstrip(".") or "binary"
    except (puremagic.PureError, ValueError, json.JSONDecodeError):
        return "binary"
