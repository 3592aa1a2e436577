"""Names of what is found inside a document: safe to store and to show, and no two alike within one parent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath, PureWindowsPath

from penstock.parsing.assemble import one_line
from penstock.records import Attachment, Refusal

MAX_NAME_CHARS = 150
MAX_PATH_CHARS = 600
UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\/]')
Found = tuple[str, bytes | Refusal]
"""A raw name, and the bytes or why there are none."""


def numbered(found: Iterable[Found], safe: Callable[[str], str]) -> tuple[Attachment, ...]:
    """Make the attachments; no two names alike: the second ``a.txt`` is ``a-2.txt``, whatever else is there."""
    taken: set[str] = set()
    attachments = []
    for raw, data in found:
        name = safe(raw)
        path, number, chosen = PurePosixPath(name), 1, name
        while chosen.casefold() in taken:
            number += 1
            chosen = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        taken.add(chosen.casefold())
        if isinstance(data, Refusal):
            attachments.append(Attachment(chosen, b"", data))
        else:
            attachments.append(Attachment(chosen, data))
    return tuple(attachments)


def safe_name(raw: str) -> str:
    """The last part of any path, one line, without what file systems and shells mind."""
    return _safe(PureWindowsPath(PurePosixPath(one_line(raw).strip()).name).name)


def safe_path(raw: str) -> str:
    """A member's path inside its archive, its folders kept: two ``index.md`` are two documents, and stay the same two.

    No part ends in ``!``, since ``!/`` stands between a document's key and the name of what is inside it.
    """
    parts = [
        _safe(part).rstrip("!") or "_" for part in one_line(raw).replace("\\", "/").split("/") if part.strip("./ ")
    ]
    while len(parts) > 1 and sum(map(len, parts)) + len(parts) > MAX_PATH_CHARS:
        del parts[0]
    return "/".join(parts) or "member"


def _safe(part: str) -> str:
    path = PurePosixPath(UNSAFE.sub("_", part).strip(". ") or "attachment")
    return path.stem[:MAX_NAME_CHARS] + path.suffix[:20]
