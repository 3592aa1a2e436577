"""What documents' metadata says that does not read as the type that their index declares. Reads only."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from sqlalchemy import select

from penstock import manifest
from penstock.catalog.schema import documents, entries
from penstock.filters import unreadable
from penstock.platform import Platform
from penstock.recipe import Recipe


def unread(platform: Platform, index: str, release: int, limit: int = 50) -> list[dict[str, str]]:
    """The first so many values of a release that filters take for missing: source, key, field, type and value.

    Found anew each time, so that nothing of it outlasts a document.
    """
    with platform.catalog.read() as connection:
        generation = manifest.generation_row(
            connection, index, manifest.release_row(connection, index, release).generation
        )
        types = Recipe.of_generation(platform.settings, generation).fields
        if not set(types.values()) - {"text"}:
            return []
        query = (
            select(documents.c.source, documents.c.key, entries.c.fields)
            .join(documents, documents.c.id == entries.c.document_id)
            .where(manifest.in_release(index, release), entries.c.reason.is_(None), entries.c.fields != "{}")
            .order_by(documents.c.source, documents.c.key)
        )
        rows = connection.execution_options(yield_per=1000).execute(query)
        return list(islice((one for row in rows for one in _unread(row, types)), limit))


def _unread(row: Any, types: Any) -> list[dict[str, str]]:
    said = json.loads(row.fields)
    return [
        {"source": row.source, "key": row.key, "field": name, "type": type_, "value": said[name]}
        for name, type_ in unreadable(said, types).items()
    ]
