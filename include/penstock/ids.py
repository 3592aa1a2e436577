"""Names derived from content. Nothing in penstock is named by chance, so that a run repeated gives the same names.

All hashes are SHA-256 in lower-case hex; parts are joined in a way that cannot be confused (length-prefixed).
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

DIGEST_MODULUS = 1 << 256
_ID = re.compile(r"[0-9a-f]{32}")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hash_of(*parts: str) -> str:
    """Hash strings so that ``("ab", "c")`` and ``("a", "bc")`` differ."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()


def fingerprint(value: Any) -> str:
    """Hash a JSON-like configuration, independent of the order of its keys; 16 hex digits."""
    return hash_of(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))[:16]


def document_id(source: str, key: str) -> str:
    """The name of a document for ever: its source and its key there; 32 hex digits."""
    return hash_of("document", source, key)[:32]


def is_id(text: str) -> bool:
    """Whether a text has the form of a document's or an interaction's id; others may hold what no catalog can be asked.

    >>> is_id(document_id("docs", "a.md")), is_id("a.md")
    (True, False)
    """
    return bool(_ID.fullmatch(text))


def row_id(index: str, document: str, content: str, nth: int, added_in: int) -> str:
    """The id of an index row: ``nth`` counts equal contents within the document from 0. UUID-shaped."""
    digest = hash_of("row", index, document, content, str(nth), str(added_in))
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def digest_add(total: str, row_ids: list[str], sign: int = 1) -> str:
    """Add (or with ``sign=-1`` take away) row ids to an order-free digest of a set of rows.

    The digest is the sum of the ids' hashes modulo 2^256, so a release's digest follows from the one before it
    and its delta, and a redaction can be subtracted from every release that held the row.
    """
    value = int(total, 16)
    for row in row_ids:
        value += sign * int(hash_of(row), 16)
    return f"{value % DIGEST_MODULUS:064x}"


EMPTY_DIGEST = "0" * 64
