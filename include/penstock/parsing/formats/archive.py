"""Zip, tar and gzip: every file inside is a document of its own, and the archive itself says nothing."""

from __future__ import annotations

from penstock.parsing.assemble import Draft
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.names import numbered, safe_path
from penstock.parsing.refused import RefusedDocument
from penstock.parsing.unpacking import members, unpacked_size
from penstock.records import Reason
from penstock.settings import ParserSettings


def read(kind: str, name: str, data: bytes, settings: ParserSettings) -> Draft:
    size = unpacked_size(kind, data)
    if size > settings.max_output_mb * 2**20:
        raise RefusedDocument(
            Reason.TOO_LARGE,
            f"{size} bytes when unpacked, {settings.max_output_mb} MB are allowed",
            "split the archive, or raise parser.max_output_mb",
        )
    found = numbered(members(kind, name, data), safe_path)
    if not found:
        raise RefusedDocument(Reason.EMPTY, "the archive holds no file")
    return Draft((), MEDIA_TYPES[kind], f"archive.{kind}", attachments=found)
