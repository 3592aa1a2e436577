"""What is looked at before a zip (and so any office file), gzip or tar is opened in earnest."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath

from penstock.parsing.detect import BROKEN_ZIP, true_type
from penstock.parsing.refused import RefusedDocument
from penstock.parsing.unpacking import ARCHIVES, PIECE, gzip_pieces, members
from penstock.parsing.xmlcheck import check_xml
from penstock.records import Reason

MAX_MEMBERS = 10_000
MAX_UNPACKED = 1 << 30
MAX_RATIO = 100
RATIO_FROM = 64 << 20
"""Small files that pack well are no bombs; the ratio counts from here."""
MAX_NESTED = 3
XML_ENDINGS = (".xml", ".rels", ".xhtml", ".html", ".opf", ".ncx", ".svg", ".vml")


def check_archive(kind: str, data: bytes) -> None:
    """Raise ``RefusedDocument`` for a bomb, an unsafe path, a link, a password, or an archive that is damaged.

    ``kind`` is one of ``ARCHIVES`` or an office format. Members of an archive are documents of their own and are looked
    into when their turn comes; those of an office file are looked into here.
    """
    if kind == "gz":
        check_gzip(data)
    elif kind == "tar":
        check_tar(data)
    else:
        check_zip(data, office=kind != "zip")


def check_zip(data: bytes, office: bool) -> None:
    """Raise for a bomb, an unsafe path, a password, a cut-off or damaged archive, or bad XML in an office file."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise RefusedDocument(
            Reason.TRUNCATED, "the archive's directory is missing or damaged", "copy the file to the source again"
        ) from None
    with archive:
        found = archive.infolist()
        check_sizes(sum(m.file_size for m in found), len(data), len(found))
        for member in found:
            _check_member(member, len(data))
            if office:
                _check_office_member(archive, member)


def check_sizes(unpacked: int, packed: int, count: int = 1) -> None:
    """Raise for more members, more bytes or a higher ratio than any honest archive has."""
    if count > MAX_MEMBERS:
        raise _bomb(f"{count} members")
    if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed):
        raise _bomb(f"{packed} bytes that unpack to {unpacked}")


def _check_member(member: zipfile.ZipInfo, packed: int) -> None:
    check_path(member.filename)
    if member.flag_bits & 1:
        raise RefusedDocument(Reason.ENCRYPTED, "the archive is encrypted", "store it without a password")
    if member.header_offset >= packed:
        raise RefusedDocument(Reason.TRUNCATED, "a member lies outside the archive", "copy the file again")


def _check_office_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    name = member.filename.lower()
    try:
        with archive.open(member) as stream:
            if name.endswith(XML_ENDINGS):
                check_xml(stream)
        is_encrypted = name.endswith("manifest.xml") and b"encryption-data" in archive.read(member)
    except BROKEN_ZIP:
        raise RefusedDocument(
            Reason.TRUNCATED, "a member of the archive is damaged", "copy the file to the source again"
        ) from None
    if is_encrypted:
        raise RefusedDocument(Reason.ENCRYPTED, "the document is encrypted", "store it without a password")


def check_path(name: str) -> None:
    """Raise for a member that would leave the folder it is unpacked into."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.is_absolute() or windows.drive or ".." in (*posix.parts, *windows.parts):
        raise RefusedDocument(
            Reason.UNSAFE_PATH, "a member's path leads out of the archive", "pack the archive again with plain paths"
        )


def check_gzip(data: bytes) -> None:
    """Unpack piece by piece, keeping nothing, until it is clear that this is no bomb; a tar inside is looked at too."""
    unpacked, head = 0, b""
    for piece in gzip_pieces(data):
        unpacked += len(piece)
        head = head if len(head) >= PIECE else head + piece
        check_sizes(unpacked, len(data))
    if true_type(head) == "tar":
        check_tar(b"".join(gzip_pieces(data)))


def check_tar(data: bytes) -> None:
    """Raise for links, devices, paths that lead out, and too many or too large members."""
    unpacked = 0
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive, 1):
                unpacked += member.size
                check_sizes(unpacked, len(data), count)
                check_path(member.name)
                if not (member.isfile() or member.isdir()):
                    raise RefusedDocument(Reason.UNSAFE_PATH, "the archive holds links or devices", "pack plain files")
    except (tarfile.TarError, ValueError, OSError, zlib.error):
        raise RefusedDocument(Reason.TRUNCATED, "the archive is damaged", "copy the file again") from None


def check_nested(found: Iterable[bytes], packed: int) -> None:
    """Raise for archives inside a document of ``packed`` bytes that together, at all depths, make a bomb.

    Each alone may be within the limits and a thousand of them not. An archive in here that is damaged or forbidden
    passes: it is refused alone when its turn comes.
    """
    _weigh(found, packed, 0, 1)


def _weigh(found: Iterable[bytes], packed: int, unpacked: int, depth: int) -> int:
    """Return ``unpacked`` with all that ``found`` would unpack to added."""
    for data in found:
        kind = true_type(data)
        if kind not in ARCHIVES:
            continue
        if depth > MAX_NESTED - 1:
            raise _bomb(f"archives nested more than {MAX_NESTED} deep")
        try:
            check_archive(kind, data)
        except RefusedDocument as refused:
            if refused.refusal.reason is Reason.ARCHIVE_BOMB:
                raise
            continue
        inner = [piece for _, piece in members(kind, "", data) if isinstance(piece, bytes)]
        unpacked += sum(map(len, inner))
        check_sizes(unpacked, packed)
        unpacked = _weigh(inner, packed, unpacked, depth + 1)
    return unpacked


def _bomb(seen: str) -> RefusedDocument:
    return RefusedDocument(Reason.ARCHIVE_BOMB, seen, "unpack it at the source and check what is in it")
