"""Which documents a training set may hold: those that everyone may read who will use the model.

A model gives back what it has learned to whoever asks it, so a document that one of them may not read stays out, and so
does a text that quotes one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.batching import batched
from penstock.catalog.schema import documents, entries, training_sources
from penstock.errors import RefusedError
from penstock.interactions.forgetting import quoting
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.records import PUBLIC
from penstock.retrieval.places import parsed_text
from penstock.trained import learned
from penstock.wording import count


def for_all(principals: Collection[str], audience: Collection[str]) -> bool:
    """Whether everyone of the audience may read what these principals may.

    >>> for_all(["group:staff"], ["group:staff", "group:board"]), for_all(["public"], ["group:staff"])
    (False, True)
    """
    return PUBLIC in principals or set(audience) <= set(principals)


def readable(platform: Platform, ids: Collection[str], audience: Sequence[str]) -> set[str]:
    """Those of the documents that everyone of the audience may read today, none that was erased."""
    found: set[str] = set()
    with platform.catalog.read() as connection:
        for batch in batched(sorted(ids)):
            query = select(documents.c.id, documents.c.principals).where(
                documents.c.id.in_(batch), documents.c.erased_at.is_(None)
            )
            rows = connection.execute(query)
            found.update(row.id for row in rows if for_all(json.loads(row.principals), audience))
    return found


def kept_from_some(connection: Connection, set_ids: Collection[str], audience: Sequence[str]) -> set[str]:
    """Documents behind the sets that not everyone of the audience may read today; those that were erased are none."""
    behind = select(training_sources.c.ref).where(
        training_sources.c.set_id.in_(set_ids), training_sources.c.kind == "document"
    )
    query = select(documents.c.id, documents.c.principals)
    rows = connection.execute(query.where(documents.c.id.in_(behind), documents.c.erased_at.is_(None)))
    return {row.id for row in rows if not for_all(json.loads(row.principals), audience)}


def restricted_since(platform: Platform, connection: Connection, index: str, model: Row[Any]) -> set[str]:
    """Documents that a model learned, or one that it was tuned from, and that not all of the audience may read now."""
    return kept_from_some(connection, learned(connection, model), platform.settings.index(index).training.audience)


def require_for_all(platform: Platform, index: str, purpose: Purpose, set_id: str) -> None:
    """Raise ``RefusedError`` where a document of a set was kept from some of those who will use the model since."""
    with platform.catalog.read() as connection:
        hidden = kept_from_some(connection, [set_id], platform.settings.index(index).training.audience)
    if hidden:
        raise RefusedError(
            f"training set {set_id} holds {count(len(hidden), 'document')} that not all of the audience may read any "
            f"more; run `penstock trainset build {index} --for {purpose}`, which leaves out what it must"
        )


def quotes_hidden(platform: Platform, index: str, release: int, audience: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a text quotes a document of the release that not everyone of the audience may read."""
    with platform.catalog.read() as connection:
        query = (
            select(entries.c.parse_key, documents.c.principals)
            .join(documents, documents.c.id == entries.c.document_id)
            .where(manifest.in_release(index, release), entries.c.reason.is_(None))
        )
        rows = connection.execute(query).all()
    hidden = [row.parse_key for row in rows if not for_all(json.loads(row.principals), audience)]
    return quoting([parsed_text(platform, key) for key in hidden])
