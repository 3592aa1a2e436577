"""A log of what people said, taken in row by row: each row is accounted for, and a second import changes nothing.

Ids come from what the rows say. Rows of one file that say the same are told apart by their order, as raters who agree
are; equal rows of two files are one, unless a time or a person tells them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.engine import Row

from penstock.batching import batched
from penstock.catalog import insert_or_update
from penstock.catalog.schema import feedback, interactions, pruned_imports
from penstock.errors import UsageError
from penstock.feedback.files import rows
from penstock.feedback.giving import named, span_in, unknown
from penstock.feedback.mapping import Entry, each_place, finds, read_entry
from penstock.feedback.places import Places, Shown
from penstock.feedback.saying import Said
from penstock.ids import is_id
from penstock.interaction_settings import COLUMNS, FeedbackSettings
from penstock.interactions.graves import Graves, graves, is_forgotten
from penstock.interactions.recording import IMPORTED, MAX_ANSWER_CHARS, MAX_QUERY_CHARS, storable
from penstock.platform import Platform


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, and why: the value, and what would do."""

    file: str
    line: int
    problem: str


@dataclass(slots=True)
class Imported:
    """What became of each row: ``rows`` is the sum of ``taken``, ``left_out``, ``erased``, ``pruned`` and the bad ones.

    A row is a line, or with ``each`` a place of one. ``left_out`` are those that ``where`` leaves out, ``erased`` those
    of people who asked to be forgotten, ``pruned`` those that were here and went when their time was over.
    ``interactions`` and ``feedback`` are what was new, and ``known_…`` what was there already. ``warnings`` name what
    the mapping gives and no row has.
    """

    rows: int = 0
    taken: int = 0
    left_out: int = 0
    erased: int = 0
    pruned: int = 0
    interactions: int = 0
    known_interactions: int = 0
    feedback: int = 0
    known_feedback: int = 0
    bad: list[BadRow] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Read:
    file: str
    line: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class _Ready:
    """Rows for the two tables; no interaction where the row names one that there is."""

    entry: Entry
    interaction: dict[str, Any] | None
    feedback: list[dict[str, Any]]


def import_files(
    platform: Platform, index: str, places: Sequence[str], mapping: FeedbackSettings | None = None
) -> Imported:
    """Take in the rows of files or objects (``files.rows``); ``mapping`` is the index's own where it is None.

    A bad row is named and stops nothing. Raises ``UsageError`` where a file as a whole cannot be read; what was taken
    in before stays. Interrupted, or ended by an error, it may be run again.
    """
    mapping = mapping or platform.settings.index(index).feedback
    importer = _Importer(platform, index)
    unfound = {name for name in COLUMNS if getattr(mapping, name) is not None}
    for place in places:
        importer.nth.clear()
        already = len(importer.done.bad)
        for batch in batched(_entries(place, mapping, importer.done, unfound)):
            importer.take(batch)
        importer.done.bad[already:] = sorted(importer.done.bad[already:], key=lambda one: one.line)
    if importer.done.rows:
        importer.done.warnings = [
            f"{name} = {getattr(mapping, name)!r} found nothing in any row; check its spelling"
            for name in COLUMNS
            if name in unfound
        ]
    return importer.done


def _entries(place: str, mapping: FeedbackSettings, done: Imported, unfound: set[str]) -> Iterator[_Read]:
    """What the rows of a file say; rows that say nothing that can be used are counted here.

    ``unfound`` loses the columns of which a row has something.
    """
    for row in rows(place):
        if row.values is None:
            done.rows += 1
            done.bad.append(BadRow(place, row.line, row.problem))
            continue
        try:
            parts = list(each_place(row.values, mapping))
        except UsageError as error:
            done.rows += 1
            done.bad.append(BadRow(place, row.line, str(error)))
            continue
        for values in parts:
            done.rows += 1
            unfound -= {name for name in unfound if finds(values, mapping, name)}
            try:
                entry = read_entry(values, mapping)
            except UsageError as error:
                done.bad.append(BadRow(place, row.line, str(error)))
                continue
            if entry is None:
                done.left_out += 1
            else:
                yield _Read(place, row.line, entry)


class _Importer:
    def __init__(self, platform: Platform, index: str) -> None:
        self.done = Imported()
        self.nth: Counter[str] = Counter()
        self._made: set[str] = set()
        self._platform, self._index = platform, index
        self._digests = platform.recorder.digests
        self._places = Places(platform, index)

    def take(self, batch: Sequence[_Read]) -> None:
        """Write a batch in one transaction, all that is good in it."""
        ids = {one.entry.interaction for one in batch if one.entry.interaction}
        self._places.load(name for one in batch for name in _names(one.entry))
        with self._platform.catalog.read() as connection:
            known = _known_interactions(connection, ids)
            dead = graves(connection, [digest for one in batch for digest in self._people(one.entry)])
            now = self._platform.catalog.now(connection)
        ready = [made for one in batch if (made := self._ready(one, known, dead, now))]
        with self._platform.catalog.write(durable=True) as connection:
            self._platform.catalog.hold(connection, feedback, interactions)
            ready = self._not_pruned(connection, self._of_those_not_forgotten(connection, ready))
            asked = [one.interaction for one in ready if one.interaction]
            self.done.interactions += (new := _insert(connection, interactions, asked))
            mine = (ids & known.keys() | {one["id"] for one in asked}) - self._made
            self.done.known_interactions += len(mine) - new
            self._made |= mine
            gone = ids & known.keys() - _known_interactions(connection, ids).keys()  # erased, or pruned, just now
            said = [row for one in ready for row in one.feedback if row["interaction_id"] not in gone]
            self.done.feedback += (new := _insert(connection, feedback, said))
            self.done.known_feedback += len(said) - new
        self.done.taken += len(ready)

    def _ready(self, one: _Read, known: Mapping[str, Any], dead: Graves, now: float) -> _Ready | None:
        entry = one.entry
        if is_forgotten(dead, self._people(entry), entry.at):
            self.done.erased += 1
            return None
        try:
            if entry.interaction is None:
                interaction = self._interaction(entry, now)
                said = self._feedback(entry, interaction["id"], interaction["shown"], None, now)
                return _Ready(entry, interaction, said)
            about = self._about(entry.interaction, known)
            said = self._feedback(entry, entry.interaction, about.shown, about.release, now)
            return _Ready(entry, None, said)
        except UsageError as error:
            self.done.bad.append(BadRow(one.file, one.line, str(error)))
            return None

    def _of_those_not_forgotten(self, connection: Connection, ready: Sequence[_Ready]) -> list[_Ready]:
        """Without rows of those who were erased since the batch was read."""
        dead = graves(connection, [digest for one in ready for digest in self._people(one.entry)])
        kept = [one for one in ready if not is_forgotten(dead, self._people(one.entry), one.entry.at)]
        self.done.erased += len(ready) - len(kept)
        return kept

    def _not_pruned(self, connection: Connection, ready: Sequence[_Ready]) -> list[_Ready]:
        """Without rows whose interaction was imported before and is kept no more."""
        ids = [one.interaction["id"] if one.interaction else None for one in ready]
        before = _pruned(connection, {id_ for id_ in ids if id_})
        kept = [one for one, id_ in zip(ready, ids, strict=True) if not is_forgotten(before, [id_], one.entry.at)]
        self.done.pruned += len(ready) - len(kept)
        return kept

    def _about(self, id_: str, known: Mapping[str, Row[Any]]) -> Row[Any]:
        if id_ not in known:
            raise UsageError(unknown(self._platform, id_))
        if known[id_].index_name != self._index:
            raise UsageError(f"interaction {id_!r} is of index {known[id_].index_name!r}; import it there")
        return known[id_]

    def _people(self, entry: Entry) -> list[str]:
        both = (self._digests.person(entry.person), self._digests.session(entry.session))
        return [one for one in both if one]

    def _interaction(self, entry: Entry, now: float) -> dict[str, Any]:
        question, digests, keep = entry.question or "", self._digests, self._platform.settings.interactions
        shown = [(one.chunk, one.document) for one in map(self._places.named, entry.shown)]
        person, session = digests.person(entry.person), digests.session(entry.session)
        # Not the time: a log's is that of what was said, and two things may be said of one question.
        parts = (self._index, question, entry.answer or "", person or "", session or "")
        ids = [part or "" for one in shown for part in one]
        return {
            "id": digests.of("imported", *parts, *ids),
            "index_name": self._index,
            "release": None,
            "at": now if entry.at is None else entry.at,
            "recorded_at": now,
            "origin": IMPORTED,
            "query": storable(question, MAX_QUERY_CHARS) if keep.keep_queries else None,
            "query_digest": digests.question(question),
            "principals": None,
            "person": person,
            "session": session,
            "setup": {},
            "candidates": [],
            "shown": shown,
            "answer": storable(entry.answer, MAX_ANSWER_CHARS) if entry.answer and keep.keep_answers else None,
            "citations": [],
            "refused": None,
            "timings": {},
            "redacted": False,
        }

    def _feedback(
        self, entry: Entry, interaction: str, shown: Shown, release: int | None, now: float
    ) -> list[dict[str, Any]]:
        person, session = self._digests.person(entry.person), self._digests.session(entry.session)
        by = (person or "", session or "", str(entry.at or ""))
        counted: Counter[str] = Counter()
        made = []
        for said in entry.said:
            about = named(said, shown, self._places)
            span = () if said.span is None else (str(said.span),)  # not its place, which an edit of the document moves
            content = self._digests.of("said", interaction, *map(str, about.values()), *by, *span)
            counted[content] += 1
            id_ = self._digests.of("feedback", content, str(self.nth[content] + counted[content]))
            row = {
                "id": id_,
                "interaction_id": interaction,
                "index_name": self._index,
                "at": now if entry.at is None else entry.at,
                "recorded_at": now,
                "origin": IMPORTED,
                "person": person,
                "session": session,
                "redacted": False,
            }
            made.append(row | about | self._span(id_, said, about["document_id"], release))
        self.nth += counted  # only now: a row of which a part is bad is bad as a whole
        return made

    def _span(self, id_: str, said: Said, document: str | None, release: int | None) -> dict[str, Any]:
        try:
            return span_in(said, document, release, self._places)
        except UsageError:
            with self._platform.catalog.read() as connection:
                if connection.execute(select(feedback.c.id).where(feedback.c.id == id_)).one_or_none() is None:
                    raise
            return {}  # taken in before the document was edited: it stands as it is


def _names(entry: Entry) -> Iterator[str]:
    yield from entry.shown
    yield from (said.passage for said in entry.said if said.passage)


def _known_interactions(connection: Connection, ids: set[str]) -> dict[str, Row[Any]]:
    columns = (interactions.c.id, interactions.c.index_name, interactions.c.release, interactions.c.shown)
    found: dict[str, Row[Any]] = {}
    for batch in batched(sorted(filter(is_id, ids))):
        found |= {row.id: row for row in connection.execute(select(*columns).where(interactions.c.id.in_(batch)))}
    return found


def _pruned(connection: Connection, ids: set[str]) -> dict[str, float]:
    """When each of these interactions was pruned, in seconds since 1970."""
    columns = (pruned_imports.c.id, pruned_imports.c.pruned_at)
    found: dict[str, float] = {}
    for batch in batched(sorted(ids)):
        rows = connection.execute(select(*columns).where(pruned_imports.c.id.in_(batch)))
        found |= {row.id: row.pruned_at for row in rows}
    return found


def _insert(connection: Connection, table: Table, made: Sequence[dict[str, Any]]) -> int:
    """Insert what is not there yet; return how many that was."""
    ids = sorted({row["id"] for row in made})
    there: set[str] = set()
    for batch in batched(ids):
        there.update(connection.execute(select(table.c.id).where(table.c.id.in_(batch))).scalars())
    insert_or_update(connection, table, made)
    return len(ids) - len(there)
