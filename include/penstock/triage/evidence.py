"""What is known of a complaint: what would have been right, where it stands, and how near the search came to it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Row

from penstock import manifest
from penstock.answers.confidence import confidence
from penstock.batching import batched
from penstock.catalog.schema import documents, entries
from penstock.feedback.saying import Kind
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.records import NOBODY, PUBLIC, IndexRow
from penstock.retrieval import search
from penstock.retrieval.pipeline import put_forward
from penstock.retrieval.places import parsed_text
from penstock.retrieval.questions import QuestionVectors
from penstock.retrieval.trace import Trace
from penstock.triage.causes import Evidence, Known, Standing
from penstock.words import sought_stems, stems

DEEP = 200
"""Rows that are looked at for what a correction says, and for how deep the right one lies."""
HELD = 0.7
"""A document holds what a person says would be right where it has this share of the words that carry meaning."""
NEAR_BEST = 0.5
"""Of the chunks of such a document, those count that have at least this part of what its best one has."""
OTHER_RELEASES = 5

Said = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """What would have been right: rows of the release that answered, and every document that is known to hold it."""

    known: Known
    rows: Sequence[IndexRow] = ()
    documents: Collection[str] = ()
    match: float | None = None


class Witness:
    """Gathers the evidence of one index's complaints. It asks as somebody who may see everything, and shows no text."""

    def __init__(self, platform: Platform, index: str, vectors: QuestionVectors) -> None:
        self._platform, self._index, self._vectors = platform, index, vectors

    def evidence(self, asked: Mapping[str, Any], said: Said) -> Evidence:
        """``asked`` is a row of ``interactions``, ``said`` what counts of the feedback on it."""
        release = self._release(asked["release"])
        target = self._target(release, said)
        if target.known is Known.UNSAID:
            return self._unsaid(asked, release)
        ids = {row.id for row in target.rows}
        candidates = [one[0] for one in asked["candidates"]]
        mine = {row.document_id for row in target.rows}
        return Evidence(
            target.known,
            refused=bool(asked["refused"]),
            served=bool(target.rows),
            standing=Standing.NOWHERE if target.rows else self._standing(target.documents),
            readable=self._readable(asked["principals"], mine) if mine else None,
            shown=_first(chunk in ids or (chunk is None and document in mine) for chunk, document in asked["shown"]),
            candidate=_first(chunk in ids for chunk in candidates),
            deep=self._depth(asked, release, ids),
            depth=len(candidates),
            match=target.match,
            documents=tuple(sorted(mine)),
        )

    def _unsaid(self, asked: Mapping[str, Any], release: Row[Any]) -> Evidence:
        """Of a refusal also whether the live release would answer by now: the documents may have been added since."""
        now = self._confidence_now(asked, release) if asked["refused"] else None
        enough = self._platform.settings.index(self._index).answer.min_confidence
        return Evidence(
            Known.UNSAID,
            refused=bool(asked["refused"]),
            standing=Standing.SERVED_NOW if now is not None and now >= enough else Standing.NOWHERE,
            confidence=self._confidence(asked, release),
            confidence_now=now,
        )

    def _confidence_now(self, asked: Mapping[str, Any], release: Row[Any]) -> float | None:
        live = self._release(None)
        return self._confidence(asked, live) if live.number != release.number else None

    def _release(self, number: int | None) -> Row[Any]:
        """The one that answered, or the live one where nobody can read that any more."""
        with self._platform.catalog.read() as connection:
            known = {row.number for row in manifest.kept_and_pending(connection, self._index)}
            return manifest.opened(connection, self._index, number if number in known else None)

    def _target(self, release: Row[Any], said: Said) -> Target:
        named = [one for one in said if one["kind"] == Kind.RIGHT_PASSAGE and one["document_id"]]
        if named:
            return self._named(release, named[-1])
        words = " ".join(one["text"] for one in said if one["kind"] == Kind.CORRECTION and one["text"])
        return self._corrected(release, words) if words else Target(Known.UNSAID)

    def _named(self, release: Row[Any], one: Mapping[str, Any]) -> Target:
        rows = list(self._platform.collection(release.collection).document_rows([one["document_id"]], release.number))
        words = self._words_of(one)
        holding = rows if words is None else _holding(words, rows)[0]
        return Target(Known.NAMED, holding, {one["document_id"]})

    def _words_of(self, one: Mapping[str, Any]) -> str | None:
        """Of the passage that somebody named; None where it was the document as a whole."""
        if one["revision"] and one["start"] is not None:
            with self._platform.catalog.read() as connection:
                of_revision = entries.c.document_id == one["document_id"], entries.c.revision == one["revision"]
                query = select(entries.c.parse_key).where(*of_revision, entries.c.parse_key.is_not(None))
                key = connection.execute(query.limit(1)).scalar()
            return parsed_text(self._platform, key)[one["start"] : one["end"]] if key else None
        if one["chunk_id"]:
            for _generation, collection in self._platform.collections(self._index):
                for row in collection.get([one["chunk_id"]]):
                    return row.text
        return None

    def _corrected(self, release: Row[Any], words: str) -> Target:
        rows, match = _holding(words, self._found(release, words))
        if rows:
            return Target(Known.CORRECTED, rows, {row.document_id for row in rows}, match)
        elsewhere = {row.document_id for other in self._others(release) for row in self._held_in(other, words)}
        return Target(Known.CORRECTED, (), elsewhere, match)

    def _held_in(self, release: Row[Any], words: str) -> Sequence[IndexRow]:
        return _holding(words, self._found(release, words))[0]

    def _others(self, release: Row[Any]) -> list[Row[Any]]:
        with self._platform.catalog.read() as connection:
            numbers = [row.number for row in manifest.kept_and_pending(connection, self._index)]
            latest = [one for one in reversed(numbers) if one != release.number][:OTHER_RELEASES]
            return [manifest.opened(connection, self._index, one) for one in latest]

    def _found(self, release: Row[Any], text: str, where: str | None = None) -> list[IndexRow]:
        recipe = Recipe.of_generation(self._platform.settings, release)
        settings = self._platform.settings.index(self._index).retrieval
        asked = text, self._everybody, where, DEEP, settings, Trace(), self._vectors
        return [hit.row for hit in put_forward(self._platform, release, recipe, *asked)]

    @cached_property
    def _everybody(self) -> tuple[str, ...]:
        return everybody(self._platform)

    def _depth(self, asked: Mapping[str, Any], release: Row[Any], ids: Collection[str]) -> int | None:
        if not ids or not asked["query"]:
            return None
        return _first(row.id in ids for row in self._found(release, asked["query"], asked["setup"].get("where")))

    def _readable(self, digest: str | None, ids: Iterable[str]) -> bool | None:
        """Whether one of the documents may be seen by whoever has this digest of rights."""
        allowed: set[str] = set()
        with self._platform.catalog.read() as connection:
            for batch in batched(sorted(ids)):
                query = select(documents.c.principals).where(documents.c.id.in_(batch))
                allowed.update(name for one in connection.execute(query).scalars() for name in json.loads(one))
        if PUBLIC in allowed:
            return True
        if allowed == {NOBODY} or digest == self._platform.recorder.digests.of("principals", PUBLIC):
            return False
        return None

    def _standing(self, ids: Collection[str]) -> Standing:
        """Of documents that the answering release does not serve."""
        if not ids:
            return Standing.NOWHERE
        with self._platform.catalog.read() as connection:
            live, _ = manifest.pointer(connection, self._index)
            pending = manifest.pending(connection, self._index)
            mine = entries.c.document_id.in_(ids)
            erased = select(documents.c.id).where(documents.c.id.in_(ids), documents.c.erased_at.is_not(None))
            if len(connection.execute(erased).all()) == len(set(ids)):
                return Standing.ERASED
            now = connection.execute(select(entries).where(manifest.in_release(self._index, live or 0), mine)).all()
            if any(one.reason is None for one in now):
                return Standing.SERVED_NOW
            if any(one.reason is not None for one in now):
                return Standing.QUARANTINED
            if (
                pending
                and connection.execute(
                    select(entries.c.id).where(manifest.in_release(self._index, pending.number), mine)
                ).first()
            ):
                return Standing.WAITING
        return Standing.REMOVED

    def _confidence(self, asked: Mapping[str, Any], release: Row[Any]) -> float | None:
        if not asked["query"] or release.state not in manifest.KEPT:
            return None
        found = search(self._platform, self._index, asked["query"], release.number, self._everybody)
        return round(confidence(asked["query"], found, found.setup.embedder), 4)


def everybody(platform: Platform) -> tuple[str, ...]:
    """All principals that any document names: as these, somebody sees whatever anybody may see."""
    with platform.catalog.read() as connection:
        written = connection.execute(select(documents.c.principals).distinct()).scalars()
        return tuple(sorted({PUBLIC, *(name for one in written for name in json.loads(one))} - {NOBODY}))


def _first(marks: Iterable[bool]) -> int | None:
    """Place of the first true one, from 1."""
    return next((place for place, mark in enumerate(marks, 1) if mark), None)


def _holding(words: str, rows: Sequence[IndexRow]) -> tuple[list[IndexRow], float]:
    """The rows that hold what ``words`` say, and the share of them that the best document has."""
    sought = set(sought_stems(words))
    has = {row.id: sought & set(stems(row.text)) for row in rows}
    together: dict[str, set[str]] = {}
    for row in rows:
        together.setdefault(row.document_id, set()).update(has[row.id])
    best = max((len(one) for one in together.values()), default=0) / max(len(sought), 1)
    holding = {id_ for id_, one in together.items() if len(one) >= HELD * len(sought)}
    most = {id_: max(len(has[row.id]) for row in rows if row.document_id == id_) for id_ in holding}
    found = [
        row for row in rows if row.document_id in holding and len(has[row.id]) >= NEAR_BEST * most[row.document_id]
    ]
    return found, round(best, 4)
