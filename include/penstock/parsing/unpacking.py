"""The members of a zip, tar or gzip, read into memory: nothing is ever written to a path that an archive names."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath

from penstock.parsing.detect import BROKEN_ZIP, true_type
from penstock.parsing.names import Found
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason, Refusal

ARCHIVES = ("zip", "gz", "tar")
PIECE = 1 << 20
PACKERS_OWN = "__MACOSX/"
"""What macOS adds to a zip beside every file; no document of anybody."""
DAMAGED = Refusal(Reason.TRUNCATED, "this member of the archive is damaged", "pack the archive again")


def members(kind: str, name: str, data: bytes) -> Iterator[Found]:
    """Yield name and bytes of every file in the archive, of a damaged one the reason instead; folders are left out.

    A gzip has one member, called like the archive without its last ending; where that is a tar, the tar's are meant.
    """
    if kind == "zip":
        yield from _zip(data)
    elif kind == "tar":
        yield from _tar(data)
    else:
        inner = b"".join(gzip_pieces(data))
        if true_type(inner) == "tar":
            yield from _tar(inner)
        else:
            yield PurePosixPath(name).stem, inner


def unpacked_size(kind: str, data: bytes) -> int:
    """The bytes of all members together, without keeping any."""
    if kind == "gz":
        return sum(map(len, gzip_pieces(data)))
    if kind == "zip":
        with zipfile.ZipFile(BytesIO(data)) as archive:
            return sum(member.file_size for member in archive.infolist())
    return len(data)


def gzip_pieces(data: bytes) -> Iterator[bytes]:
    """The stream, and any that follows it, in pieces of at most ``PIECE`` bytes."""
    while data:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while not unpacker.eof:
            try:
                piece = unpacker.decompress(data, PIECE)
            except zlib.error:
                raise RefusedDocument(Reason.TRUNCATED, "the gzip stream is damaged", "copy the file again") from None
            data = unpacker.unconsumed_tail
            if not piece and not data and not unpacker.eof:
                raise RefusedDocument(Reason.TRUNCATED, "the gzip stream ends early", "copy the file again")
            yield piece
        data = unpacker.unused_data.lstrip(b"\0")  # tapes and pipes pad with zeros


def _zip(data: bytes) -> Iterator[Found]:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for member in archive.infolist():
            if member.filename.endswith("/") or member.filename.startswith(PACKERS_OWN):
                continue
            try:
                yield member.filename, archive.read(member)
            except BROKEN_ZIP:
                yield member.filename, DAMAGED


def _tar(data: bytes) -> Iterator[Found]:
    with tarfile.open(fileobj=BytesIO(data), mode="r:") as archive:
        for member in archive:
            if member.isfile() and (stream := archive.extractfile(member)):
                content = stream.read()
                yield member.name, content if len(content) == member.size else DAMAGED
