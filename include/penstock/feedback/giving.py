"""Feedback bound to what was shown: of an answer and its passages as a whole, or of one of them; of nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, select

from penstock.catalog import READERS_WAIT_S, insert_or_update
from penstock.catalog.schema import feedback, interactions
from penstock.errors import UnknownInteractionError, UsageError
from penstock.feedback.places import Named, Places, Shown
from penstock.feedback.saying import Kind, Said, short
from penstock.ids import is_id
from penstock.interactions.graves import graves, is_forgotten
from penstock.interactions.recording import LIVE, Asker
from penstock.platform import Platform
from penstock.wording import span

NAMED_IN_ERRORS = 5
DAY_S = 86_400


def give(platform: Platform, interaction: str, said: Said, who: Asker | None = None) -> str:
    """Write down what somebody says of an interaction, and return its id; however late, while the interaction is kept.

    Of two things of one kind that one person says of one passage, or of the whole, the later counts; both are kept.
    With ``who`` only passages and documents can be named that this reader may see. Where that names whose credential
    it is, others' interactions are not known: who comes by an id learns nothing with it, not even that it is one.
    Raises ``UnknownInteractionError``, and ``UsageError`` where the passage was not shown, or the text is blank or
    enormous.
    """
    return give_all(platform, interaction, [said], who)[0]


def give_all(platform: Platform, interaction: str, said: Sequence[Said], who: Asker | None = None) -> list[str]:
    """The same of several things that are said at once: all of them are written down, or none."""
    by = who if who is not None and who.at is not None else replace(who or Asker(), at=time.time())
    query = select(interactions.c.index_name, interactions.c.release, interactions.c.shown).where(
        interactions.c.id == interaction
    )
    if who is not None and who.owner is not None:
        query = query.where(interactions.c.asked_with == platform.recorder.digests.owner(who.owner))
    row = None
    if is_id(interaction):
        with platform.catalog.read() as connection:
            row = connection.execute(query).one_or_none()
    if row is None:
        raise UnknownInteractionError(unknown(platform, interaction))
    places = Places(platform, row.index_name, None if who is None else who.principals)
    shown = places.readable(row.shown) if any(one.passage for one in said) else ()
    about = [bound(one, shown, row.release, places) for one in said]
    given = [_row(platform, interaction, row.index_name, one, by) for one in about]
    with platform.catalog.write(durable=True, wait_s=READERS_WAIT_S) as connection:
        platform.catalog.hold(connection, feedback, interactions)
        _check_not_forgotten(connection, given, by.at)
        if connection.execute(query).one_or_none() is None:
            raise UnknownInteractionError(unknown(platform, interaction))  # erased, or pruned, meanwhile
        insert_or_update(connection, feedback, given)
    return [str(one["id"]) for one in given]


def _check_not_forgotten(connection: Connection, given: Sequence[dict[str, Any]], began: float | None) -> None:
    people = {one[name] for one in given for name in ("person", "session")}
    if is_forgotten(graves(connection, people), people, began):
        raise UsageError("it is not kept: whoever says it was erased just now; say it again to have it kept")


def _row(platform: Platform, interaction: str, index: str, about: dict[str, Any], who: Asker) -> dict[str, Any]:
    digests, at = platform.recorder.digests, time.time()
    person, session = digests.person(who.person), digests.session(who.session)
    parts = (interaction, *map(str, about.values()), person or "", session or "", str(time.time_ns()))
    return {
        "id": digests.of("feedback", *parts),
        "interaction_id": interaction,
        "index_name": index,
        "at": at,
        "recorded_at": at,
        "origin": LIVE,
        "person": person,
        "session": session,
        "redacted": False,
        **about,
    }


def unknown(platform: Platform, interaction: str) -> str:
    kept = span(platform.settings.interactions.keep_days * DAY_S)
    return f"there is no interaction {short(interaction)}: its id is wrong, it was erased, or it is over {kept} old"


def bound(said: Said, shown: Shown, release: int | None, places: Places) -> dict[str, Any]:
    """The columns that say what is said, and what of; ``release`` is the one that it was shown from.

    Raises ``UsageError``.
    """
    columns = named(said, shown, places)
    return columns | span_in(said, columns["document_id"], release, places)


def named(said: Said, shown: Shown, places: Places) -> dict[str, Any]:
    """The same without the place of a span. Raises ``UsageError``."""
    said = said.checked()
    about = _about(said, shown, places)
    return {
        "kind": str(said.kind),
        "value": said.value,
        "text": said.text,
        "chunk_id": about.chunk if about else None,
        "document_id": about.document if about else None,
        "revision": None,
        "start": None,
        "end": None,
    }


def span_in(said: Said, document: str | None, release: int | None, places: Places) -> dict[str, Any]:
    """The columns of the right words' place, if any are said. Raises ``UsageError``."""
    return asdict(places.span(document, said.span, release)) if document and said.span is not None else {}


def _about(said: Said, shown: Shown, places: Places) -> Named | None:
    if said.passage is None:
        return None
    if said.kind is not Kind.RIGHT_PASSAGE:
        return _one_of(shown, said.passage, places)
    return next((Named(*one) for one in shown if one[0] == said.passage), None) or places.named(said.passage)


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
    names = ", ".join(chunk or places.key_of(document) for chunk, document in shown[:NAMED_IN_ERRORS])
    raise UsageError(f"passage {short(name)} was not shown in this interaction; shown were: {names or 'none'}{more}")
