"""Feedback bound to what was shown: of an answer and its passages as a whole, or of one of them; of nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from penstock.catalog import insert_or_update
from penstock.catalog.schema import feedback, interactions
from penstock.errors import UsageError
from penstock.feedback.places import Named, Places, Span
from penstock.feedback.saying import Kind, Said, short
from penstock.interactions.recording import LIVE, Asker
from penstock.platform import Platform

Shown = Sequence[tuple[str | None, str]]
"""Chunk (where it is known) and document of each passage, in the order of the page."""
NAMED_IN_ERRORS = 5


def give(platform: Platform, interaction: str, said: Said, who: Asker | None = None) -> str:
    """Write down what somebody says of an interaction, and return its id; however late, while the interaction is kept.

    Of two things of one kind that one person says of one passage, or of the whole, the later counts; both are kept.
    With ``who`` only passages and documents can be named that this reader may see. Raises ``UsageError`` where the
    interaction is not known, the passage was not shown, or the text is blank or enormous.
    """
    with platform.catalog.read() as connection:
        query = select(interactions.c.index_name, interactions.c.shown).where(interactions.c.id == interaction)
        row = connection.execute(query).one_or_none()
    if row is None:
        raise UsageError(unknown(platform, interaction))
    places = Places(platform, row.index_name, None if who is None else who.principals)
    about = bound(said, row.shown, places)
    digests, who, at = platform.recorder.digests, who or Asker(), time.time()
    person, session = digests.person(who.person), digests.session(who.session)
    parts = (interaction, *map(str, about.values()), person or "", session or "", str(time.time_ns()))
    given = {
        "id": digests.of("feedback", *parts),
        "interaction_id": interaction,
        "index_name": row.index_name,
        "at": at,
        "recorded_at": at,
        "origin": LIVE,
        "person": person,
        "session": session,
        "redacted": False,
        **about,
    }
    with platform.catalog.write(durable=True) as connection:
        if connection.execute(query).one_or_none() is None:
            raise UsageError(unknown(platform, interaction))  # erased, or pruned, meanwhile
        insert_or_update(connection, feedback, [given])
    return str(given["id"])


def unknown(platform: Platform, interaction: str) -> str:
    kept = platform.settings.interactions.keep_days
    return (
        f"there is no interaction {short(interaction)}: its id is wrong, it was erased, or it is over {kept:g} days old"
    )


def bound(said: Said, shown: Shown, places: Places) -> dict[str, Any]:
    """The columns that say what is said, and what of. Raises ``UsageError``."""
    said = said.checked()
    about, span = _about(said, shown, places)
    return {
        "kind": str(said.kind),
        "value": said.value,
        "text": said.text,
        "chunk_id": about.chunk if about else None,
        "document_id": about.document if about else None,
        "revision": span.revision if span else None,
        "start": span.start if span else None,
        "end": span.end if span else None,
    }


def _about(said: Said, shown: Shown, places: Places) -> tuple[Named | None, Span | None]:
    if said.passage is None:
        return None, None
    if said.kind is not Kind.RIGHT_PASSAGE:
        return _one_of(shown, said.passage, places), None
    right = next((Named(*one) for one in shown if one[0] == said.passage), None) or places.named(said.passage)
    return right, places.span(right.document, said.span) if said.span is not None else None


def _one_of(shown: Shown, name: str, places: Places) -> Named:
    """The passage of that name, which must have been shown: what was not, nobody can speak of."""
    for chunk, document in shown:
        if chunk == name:
            return Named(chunk, document)
    named = places.named(name)
    mine = [Named(*one) for one in shown if one[1] == named.document]
    if named.chunk is None and mine:
        return mine[0] if len(mine) == 1 else Named(None, named.document)
    more = f" and {len(shown) - NAMED_IN_ERRORS} more" if len(shown) > NAMED_IN_ERRORS else ""
    ids = ", ".join(chunk or f"document {document}" for chunk, document in shown[:NAMED_IN_ERRORS])
    raise UsageError(f"passage {short(name)} was not shown in this interaction; shown were: {ids or 'none'}{more}")
