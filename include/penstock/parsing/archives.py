"""What is looked at before a zip (and so any office file), gzip or tar is opened in earnest."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath

from penstock.parsing.refused import RefusedDocument
from penstock.parsing.xmlcheck import check_xml
from penstock.records import Reason

MAX_MEMBERS = 10_000
MAX_UNPACKED = 1 << 30
MAX_RATIO = 100
RATIO_FROM = 64 << 20
"""Small files that pack well are no bombs; the ratio counts from here."""
MAX_NESTED = 3
XML_HEAD = 1 << 16
XML_ENDINGS = (".xml", ".rels", ".xhtml", ".html", ".opf", ".ncx", ".svg", ".vml")


def check_zip(data: bytes, depth: int = 0) -> None:
    """Raise ``RefusedDocument`` for a bomb, an unsafe path, a password, a cut-off or damaged archive, or bad XML."""
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        raise RefusedDocument(
            Reason.TRUNCATED, "the archive's directory is missing or damaged", "copy the file to the source again"
        ) from None
    with archive:
        members = archive.infolist()
        _check_sizes(sum(m.file_size for m in members), len(data), len(members))
        for member in members:
            _check_member(archive, member, len(data), depth)


def _check_sizes(unpacked: int, packed: int, members: int) -> None:
    if members > MAX_MEMBERS:
        raise _bomb(f"{members} members")
    if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed):
        raise _bomb(f"{packed} bytes that unpack to {unpacked}")


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, packed: int, depth: int) -> None:
    check_path(member.filename)
    if member.flag_bits & 1:
        raise RefusedDocument(Reason.ENCRYPTED, "the archive is encrypted", "store it without a password")
    if member.header_offset >= packed:
        raise RefusedDocument(Reason.TRUNCATED, "a member lies outside the archive", "copy the file again")
    name = member.filename.lower()
    if name.endswith(XML_ENDINGS):
        check_xml(_head(archive, member, XML_HEAD))
    if name.endswith("manifest.xml") and b"encryption-data" in _head(archive, member, MAX_UNPACKED):
        raise RefusedDocument(Reason.ENCRYPTED, "the document is encrypted", "store it without a password")
    if name.endswith(".zip"):
        if depth + 1 >= MAX_NESTED:
            raise _bomb(f"archives nested {MAX_NESTED} deep")
        check_zip(_head(archive, member, MAX_UNPACKED), depth + 1)


def _head(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> bytes:
    try:
        with archive.open(member) as stream:
            return stream.read(size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        raise RefusedDocument(
            Reason.TRUNCATED, "a member of the archive is damaged", "copy the file to the source again"
        ) from None


def check_path(name: str) -> None:
    """Raise for a member that would leave the folder it is unpacked into."""
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.is_absolute() or windows.drive or ".." in (*posix.parts, *windows.parts):
        raise RefusedDocument(
            Reason.UNSAFE_PATH, "a member's path leads out of the archive", "pack the archive again with plain paths"
        )


def check_gzip(data: bytes) -> None:
    """Unpack piece by piece, keeping nothing, until it is clear that this is no bomb."""
    unpacker, unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16), 0
    rest = data
    while rest:
        try:
            unpacked += len(unpacker.decompress(rest, 1 << 20))
        except zlib.error:
            raise RefusedDocument(Reason.TRUNCATED, "the gzip stream is damaged", "copy the file again") from None
        _check_sizes(unpacked, len(data), 1)
        rest = unpacker.unconsumed_tail
        if unpacker.eof:
            return


def check_tar(data: bytes) -> None:
    """Raise for links, devices, paths that lead out, and too many or too large members."""
    try:
        with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive, 1):
                _check_sizes(member.size, len(data), count)
                check_path(member.name)
                if not (member.isfile() or member.isdir()):
                    raise RefusedDocument(Reason.UNSAFE_PATH, "the archive holds links or devices", "pack plain files")
    except (tarfile.TarError, ValueError, OSError):
        raise RefusedDocument(Reason.TRUNCATED, "the archive is damaged", "copy the file again") from None


def _bomb(seen: str) -> RefusedDocument:
    return RefusedDocument(Reason.ARCHIVE_BOMB, seen, "unpack it at the source and check what is in it")
