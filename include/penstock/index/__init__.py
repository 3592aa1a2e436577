"""Stores that hold vectors and texts. ``open_index`` makes one from the address of the store."""

from __future__ import annotations

import re

from penstock.errors import UsageError
from penstock.index.base import VectorIndex

COLLECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")


def open_index(url: str, collection: str) -> VectorIndex:
    """The collection of that name in the store at ``url``: a local folder or ``s3://bucket/prefix``.

    Nothing is read or made yet; ``create`` makes it. Credentials and endpoint of a bucket come from the ``AWS_*``
    variables of the environment.
    """
    if not COLLECTION.fullmatch(collection):
        raise UsageError(f"{collection!r} cannot name a collection; use letters, digits, '-' and '_', a letter first")
    if "://" in url and not url.startswith(("s3://", "file://")):
        raise UsageError(f"no index store for {url!r}; give a local folder or s3://bucket/prefix")
    from penstock.index.lancedb import LanceIndex

    return LanceIndex(url, collection)
