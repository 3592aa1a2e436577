"""Which documents of an index a question set means, and which of them a release holds."""

from __future__ import annotations

import mimetypes
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from posixpath import splitext

from sqlalchemy import select

from penstock import manifest
from penstock.batching import batched
from penstock.catalog.schema import documents, entries
from penstock.errors import NAMES_SHOWN, UsageError
from penstock.evaluation.questions import Question, QuestionSet
from penstock.ids import document_id
from penstock.platform import Platform

DELETED, UNKNOWN, UNANSWERABLE, NO_SUCH_FIELD = "deleted", "unknown", "unanswerable", "filters by no field of it"
"""Why a question is not asked: its documents are not in the release, were never listed, or there are none; or its
filter is about what only another release has."""


USUAL_SUFFIXES = frozenset({".odt", ".rst", ".eml", ".msg", *mimetypes.types_map, *map(str.upper, mimetypes.types_map)})


@dataclass(frozen=True, slots=True)
class Meant:
    """``relevant``: question → document id → grade, of what the release holds; ``absent``: question → why not asked.

    ``about``: question → every document that it is about, also those that the release does not hold.
    """

    relevant: Mapping[str, Mapping[str, int]]
    absent: Mapping[str, str]
    about: Mapping[str, tuple[str, ...]]


def meant(platform: Platform, index: str, release: int, questions: QuestionSet) -> Meant:
    """Find the documents that each question's answers stand in.

    Raises ``UsageError`` where a strict set names documents that no source of the index ever listed.
    """
    names = {name for question in questions.questions for name in question.answers}
    ids = {name: (name,) for name in names} if questions.by_id else identify(platform, index, names)
    if questions.strict and (lost := sorted(names - ids.keys())):
        more = f" and {len(lost) - NAMES_SHOWN:,} more" if len(lost) > NAMES_SHOWN else ""
        raise UsageError(
            f"{questions.name} names {len(lost):,} of {len(names):,} documents that no source of {index!r} ever "
            f"listed, neither as a key nor as one without its suffix: {', '.join(lost[:NAMES_SHOWN])}{more}"
        )
    held = _held(platform, index, release, {id_ for found in ids.values() for id_ in found})
    relevant: dict[str, Mapping[str, int]] = {}
    absent: dict[str, str] = {}
    for question in questions.questions:
        grades = {id_: grade for name, grade in question.answers.items() for id_ in ids.get(name, ()) if id_ in held}
        if grades:
            relevant[question.id] = grades
        else:
            absent[question.id] = _why(question, ids)
    about = {one.id: tuple(id_ for name in one.answers for id_ in ids.get(name, ())) for one in questions.questions}
    return Meant(relevant, absent, about)


def _why(question: Question, ids: Mapping[str, object]) -> str:
    if not question.answers:
        return UNANSWERABLE
    return DELETED if any(name in ids for name in question.answers) else UNKNOWN


def identify(platform: Platform, index: str, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Name → ids of the documents with that key, or else of those whose key is the name and a suffix.

    An erased document's key is known no more, but its id is made of it: a name without a suffix is tried with every
    suffix that is usual or that another document of these sources has. One key may stand in several sources: either
    document answers then.
    """
    sources = platform.settings.index(index).sources
    by_id = {document_id(source, name): name for name in names for source in sources}
    found: defaultdict[str, list[str]] = defaultdict(list)
    with platform.catalog.read() as connection:
        for batch in batched(by_id):
            for id_ in connection.execute(select(documents.c.id).where(documents.c.id.in_(batch))).scalars():
                found[by_id[id_]].append(id_)
        if rest := set(names) - found.keys():
            known = select(documents.c.id, documents.c.key).where(documents.c.source.in_(sources))
            suffixes = set(USUAL_SUFFIXES)
            for row in connection.execute(known.where(documents.c.key.is_not(None))):
                stem, suffix = splitext(row.key)
                suffixes.add(suffix)
                if stem in rest:
                    found[stem].append(row.id)
            graves = set(connection.execute(known.where(documents.c.erased_at.is_not(None))).scalars())
            for name in rest - found.keys() if graves else ():
                tried = {document_id(source, name + suffix) for source in sources for suffix in suffixes}
                if buried := tried & graves:
                    found[name] += buried
    return {name: tuple(sorted(ids)) for name, ids in found.items()}


def _held(platform: Platform, index: str, release: int, ids: Iterable[str]) -> set[str]:
    """Those of the documents that are in the release, in quarantine too: there a question is asked in vain."""
    held: set[str] = set()
    with platform.catalog.read() as connection:
        for batch in batched(sorted(ids)):
            query = select(entries.c.document_id).where(
                manifest.in_release(index, release), entries.c.document_id.in_(batch)
            )
            held.update(connection.execute(query).scalars())
    return held


def erased(platform: Platform, ids: Collection[str]) -> set[str]:
    """Those of the documents that were erased."""
    found: set[str] = set()
    with platform.catalog.read() as connection:
        for batch in batched(sorted(set(ids))):
            query = select(documents.c.id).where(documents.c.id.in_(batch), documents.c.erased_at.is_not(None))
            found.update(connection.execute(query).scalars())
    return found


def names(platform: Platform, ids: Collection[str]) -> dict[str, str]:
    """Document id → its key, for people; of one that was erased the words that say so."""
    found: dict[str, str] = {}
    with platform.catalog.read() as connection:
        for batch in batched(sorted(set(ids))):
            query = select(documents.c.id, documents.c.key).where(documents.c.id.in_(batch))
            found |= {row.id: row.key or "an erased document" for row in connection.execute(query)}
    return found
