"""What people asked and said is forgotten: in time, on a person's word, and where it quotes an erased document."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from penstock import decisions
from penstock.batching import batched
from penstock.catalog import insert_or_update
from penstock.catalog.rewriting import rewrite
from penstock.catalog.schema import erased_people, feedback, interactions, pruned_imports, verdicts
from penstock.decisions import Who
from penstock.errors import UsageError
from penstock.interactions.recorder import documents_of, without_quotes
from penstock.interactions.recording import IMPORTED
from penstock.leftovers import scrubber
from penstock.platform import Platform
from penstock.training.erasing import both, resting_on, sweep_strays
from penstock.training.erasing import forget as forget_examples

DAY_S = 86_400
AT_ONCE = 500
QUOTE_CHARS = 32
"""From so many characters in a row on, words are a document's and not a reader's own: some six words."""
STRIDE = 8
NOTHING = {
    "person": "nothing is kept of this person: check the spelling; whom an API key names is kept as KEYNAME:person",
    "session": "nothing is kept of this session: check the spelling",
}


def prune(platform: Platform) -> dict[str, int]:
    """Delete interactions older than ``interactions.keep_days``, with what was said of them; return how many.

    The days count from when an interaction came here: a log of years may be imported, and is kept as long as the rest.
    Of an imported one its id stays, so that the next import of that log does not bring it back.
    """
    catalog, taken = platform.catalog, {"interactions": 0, "feedback": 0}
    with catalog.read() as connection:
        now = catalog.now(connection)
    oldest = now - DAY_S * platform.settings.interactions.keep_days
    while True:  # a little at a time: whoever records meanwhile waits so long
        with catalog.write() as connection:
            query = select(interactions.c.id, interactions.c.origin).where(interactions.c.recorded_at < oldest)
            rows = connection.execute(query.limit(AT_ONCE)).all()
            ids = [row.id for row in rows]
            imported = [{"id": row.id, "pruned_at": now} for row in rows if row.origin == IMPORTED]
            insert_or_update(connection, pruned_imports, imported, ["pruned_at"])
            taken["interactions"] += len(ids)
            taken["feedback"] += _delete(connection, ids)
        if len(ids) < AT_ONCE:
            return taken


def erase(
    platform: Platform, who: Who, why: str, person: str | None = None, session: str | None = None
) -> dict[str, Any]:
    """Forget what one person, or one session, asked and said; return a certificate that holds no content.

    What others said of those questions goes with them. A tombstone keeps out what is being asked or said just now, and
    keeps an imported log from bringing back what it dates before now, or does not date. The catalog's files are
    rewritten; exported files are their owner's. Examples of training sets that rest on any of it go, and the models
    that were trained on those are named. Raises ``UsageError`` where not exactly one is named or the reason
    names them, ``TransientError`` as ``rewrite`` does.
    """
    why = decisions.reasoned(why)
    name, kind = (person or session or "").strip(), "person" if person else "session"
    if (person is None) == (session is None) or not name:
        raise UsageError("name whose questions to forget: either a person or a session (--person P or --session S)")
    if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", why.casefold()):
        raise UsageError(f"the reason names the {kind}, and reasons are kept for ever: say it without the name")
    digest = getattr(platform.recorder.digests, kind)(name)
    catalog = platform.catalog
    with catalog.write() as connection:
        catalog.hold(connection, interactions, feedback, alone=True)
        buried = select(erased_people.c.decision_id).where(erased_people.c.digest == digest)
        before = list(connection.execute(buried).scalars())
        decision = decisions.record(connection, catalog, who, f"erase-{kind}", why)
        grave = {"digest": digest, "erased_at": catalog.now(connection), "decision_id": decision}
        insert_or_update(connection, erased_people, [grave], ["erased_at", "decision_id"])
        ids, words = _of(connection, kind, digest)
    # Before the rows go: whoever is interrupted here and erases again still finds what the examples rest on.
    examples = forget_examples(platform, {*ids, *words}, decision, before=before)
    while (gone := _delete_all(platform, kind, digest)) is None:
        examples = both(examples, forget_examples(platform, _now(platform, kind, digest), decision))
    ids, words = gone
    sweep_strays(platform)
    rewrite(catalog, f"what the {kind} asked and said")
    certificate = {"erased": kind, "interactions_erased": len(ids), "feedback_erased": len(words), "decision": decision}
    certificate |= examples
    return certificate if ids or words else certificate | {"note": NOTHING[kind]}


def _delete_all(platform: Platform, kind: str, digest: str) -> tuple[list[str], list[str]] | None:
    """Delete what ``_of`` finds, and return it; nothing, and None, where a set came to rest on it a moment ago."""
    with platform.catalog.write() as connection:
        platform.catalog.hold(connection, interactions, feedback, alone=True)
        ids, words = _of(connection, kind, digest)
        if resting_on(connection, {*ids, *words}):
            return None
        _delete(connection, ids)
        for batch in batched(words):
            connection.execute(delete(feedback).where(feedback.c.id.in_(batch)))
    return ids, words


def _now(platform: Platform, kind: str, digest: str) -> set[str]:
    with platform.catalog.read() as connection:
        ids, words = _of(connection, kind, digest)
    return {*ids, *words}


def _of(connection: Connection, kind: str, digest: str) -> tuple[list[str], list[str]]:
    """Ids of what somebody asked, and of the feedback that goes with it: theirs, and all on what they asked."""
    ids = list(connection.execute(select(interactions.c.id).where(interactions.c[kind] == digest)).scalars())
    said = set(connection.execute(select(feedback.c.id).where(feedback.c[kind] == digest)).scalars())
    for batch in batched(ids):
        said.update(connection.execute(select(feedback.c.id).where(feedback.c.interaction_id.in_(batch))).scalars())
    return ids, sorted(said)


def _delete(connection: Connection, ids: Sequence[str]) -> int:
    """Delete interactions, what was said of them and what triage made of it; return how much was said."""
    said = 0
    for batch in batched(ids):
        said += connection.execute(delete(feedback).where(feedback.c.interaction_id.in_(batch))).rowcount
        connection.execute(delete(interactions).where(interactions.c.id.in_(batch)))
        connection.execute(delete(verdicts).where(verdicts.c.interaction_id.in_(batch)))
    return said


def forget_document(
    platform: Platform, ids: Sequence[str], keys: Collection[str], texts: Sequence[str]
) -> dict[str, int]:
    """Take a document's words out of what was asked, answered and said; for ``erasure``, after the tombstone.

    An answer that rests on it loses all its words, since nobody can say which of them are the document's. Any other
    text goes whole where it holds ``QUOTE_CHARS`` characters in a row of one of ``texts``, case and space aside;
    elsewhere the document's names, ``keys``, are taken out. Returns how many rows lost something. Reads all of them.
    """
    gone, clean, quotes = set(ids), scrubber(keys), quoting(texts)

    def kept(text: str | None) -> str | None:
        return None if text is None or quotes(text) else str(clean(text))

    def of_an_interaction(row: Mapping[str, Any]) -> dict[str, Any]:
        rests_on_it = bool(gone & documents_of(row))
        answer = None if rests_on_it else kept(row["answer"])
        citations = [{**one, "quote": kept(one["quote"])} for one in without_quotes(row["citations"], gone)]
        where = row["setup"].get("where")
        setup = {**row["setup"], "where": kept(where)} if where else row["setup"]
        return {"query": kept(row["query"]), "setup": setup, "answer": answer, "citations": citations}

    def of_feedback(row: Mapping[str, Any]) -> dict[str, Any]:
        return {"text": kept(row["text"])}

    return {
        "interactions_redacted": _redact(platform, interactions, of_an_interaction),
        "feedback_redacted": _redact(platform, feedback, of_feedback),
    }


def _redact(platform: Platform, table: Table, kept: Callable[[Mapping[str, Any]], dict[str, Any]]) -> int:
    count = 0
    for rows in _pages(platform, table):
        changes = {row["id"]: change for row in rows if (change := _changed(row, kept(row)))}
        count += len(changes)
        if changes:
            with platform.catalog.write() as connection:
                for id_, change in changes.items():
                    connection.execute(update(table).where(table.c.id == id_).values(**change, redacted=True))
    return count


def _changed(row: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    return dict(kept) if any(row[name] != value for name, value in kept.items()) else {}


def _pages(platform: Platform, table: Table) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Every row that holds words, so many at once, each page in a transaction of its own."""
    with_words = ("query", "setup", "answer", "citations", "shown") if table is interactions else ("text",)
    columns = [table.c[name] for name in ("id", *with_words)]
    last = ""
    while True:
        query = select(*columns).where(table.c.id > last).order_by(table.c.id).limit(AT_ONCE)
        with platform.catalog.read() as connection:
            rows = [row._asdict() for row in connection.execute(query)]
        if not rows:
            return
        yield rows
        last = str(rows[-1]["id"])


def quoting(texts: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a text holds a quotation of one of ``texts``, see ``QUOTE_CHARS``.

    >>> quoting(["The river watch is paid 240 pounds a week."])("is it true that 'river  watch is paid 240 pounds'?")
    True
    """
    known = {piece for text in texts for piece in _pieces(text, STRIDE)}

    def quotes(text: str) -> bool:
        return any(piece in known for piece in _pieces(text, 1))

    return quotes


def _pieces(text: str, stride: int) -> Iterator[int]:
    """Hashes of a text's pieces. With every eighth of a document's, a quotation holds one of them whole."""
    flat = " ".join(text.casefold().split())
    length = QUOTE_CHARS - STRIDE + 1
    return (hash(flat[at : at + length]) for at in range(0, len(flat) - length + 1, stride))
