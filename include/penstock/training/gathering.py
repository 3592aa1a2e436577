"""What people said of an index, as judged questions: whose words count, what they come to, and what is left out.

Votes are resolved by the rule of ``evaluation.judged``, one document at a time; before that, those who contradict
everybody are left out and nobody stays with more than their share (``shares``). Nobody is alone behind more than their
share of the examples either: of all that was said only some becomes one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from typing import Any

from sqlalchemy import select

from penstock import wording
from penstock.batching import batched
from penstock.catalog.schema import verdicts
from penstock.errors import RefusedError
from penstock.evaluation import judged
from penstock.evaluation.judged import USEFUL, Vote
from penstock.feedback.hearing import Heard, Row, hear
from penstock.feedback.saying import Kind
from penstock.platform import Platform
from penstock.training.examples import AnyExample
from penstock.training.shares import Ballot, Supplied, as_one, contrary, within
from penstock.training_settings import TrainingSettings
from penstock.triage.causes import Known

IMPLICIT = (Kind.COPIED, Kind.CITED)
FEW = 3
"""Documents that hold the words of a correction, above which nobody can say which of them was meant."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the votes on one document come to, for one question. ``said`` is the feedback behind it.

    ``grade`` is 2 for the right document, 1 for a useful one, 0 for a wrong one; ``liking`` is from 0 to 1, the mean
    of what everybody said; ``spoken``: somebody said or named it, and did not only copy or cite.
    """

    document: str
    grade: int
    liking: float
    spoken: bool
    said: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, whoever asked it, with what was judged of it. ``rows`` are its interactions, by time.

    ``undecided`` are documents that were judged right as often as wrong.
    """

    question: str
    query: str
    where: Any
    rows: tuple[Row, ...]
    judgements: tuple[Judgement, ...]
    undecided: frozenset[str]

    @property
    def sessions(self) -> tuple[str, ...]:
        return tuple(sorted({row["session"] for row in self.rows if row["session"]}))

    @property
    def right(self) -> dict[str, Judgement]:
        """By document, the best first."""
        ranked = sorted(self.judgements, key=lambda one: (-one.grade, -one.liking, one.document))
        return {one.document: one for one in ranked if one.grade > 0}

    @property
    def wrong(self) -> dict[str, Judgement]:
        return {one.document: one for one in self.judgements if one.grade == 0}


@dataclass(slots=True)
class Gathered:
    """The questions, in the order of their digests; and counts of what was left out, for the card."""

    asked: list[Asked]
    heard: Heard
    people: int = 0
    largest_share: float = 0.0
    left_out: Counter[str] = field(default_factory=Counter)


def gather(platform: Platform, index: str, settings: TrainingSettings, since: datetime | None = None) -> Gathered:
    """Everything that was asked since then, and what counts of what was said of it.

    Raises ``RefusedError`` where fewer people said it than the largest share allows.
    """
    heard = hear(platform, index, since)
    found = Gathered([], heard)
    heard = found.heard = _shared_out(heard, settings, found)
    corrected = _corrected(platform, heard)
    for (question, _), rows in sorted(judged.by_question(heard).items()):
        told = judged.last_told(rows)
        votes = [vote for row in rows for vote in (*judged.votes_of(row, heard), *corrected.get(row["id"], ()))]
        if told is None:
            found.left_out["questions whose words are not kept"] += bool(votes)
            continue
        said = {one["id"]: one for row in rows for one in heard.said.get(row["id"], ())}
        found.asked.append(_asked(question, told, rows, votes, said, settings, found.left_out))
    return found


def _asked(
    question: str,
    told: Row,
    rows: Sequence[Row],
    votes: Sequence[Vote],
    said: Mapping[str, Row],
    settings: TrainingSettings,
    left_out: Counter[str],
) -> Asked:
    by_document: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_document[vote.document].append(vote)
    judgements: list[Judgement] = []
    undecided: set[str] = set()
    for document, mine in sorted(by_document.items()):
        verdict = judged.decide(mine)
        if verdict.undecided:
            undecided.add(document)
            continue
        behind = tuple(said[vote.said] for vote in mine)
        judgements.append(
            Judgement(
                document,
                verdict.answers.get(document, 0),
                fmean(_liked(one, settings) for one in behind),
                any(one["kind"] not in IMPLICIT for one in behind),
                behind,
            )
        )
    left_out["documents judged right as often as wrong"] += len(undecided)
    return Asked(question, told["query"], judged.filter_of(told), tuple(rows), tuple(judgements), frozenset(undecided))


def _liked(one: Row, settings: TrainingSettings) -> float:
    """What a vote says of its document, from 0 to 1; copying speaks for it a little."""
    if one["kind"] == Kind.RATING:
        return float((one["value"] + 1) / 2)
    return (1 + settings.implicit_weight) / 2 if one["kind"] in IMPLICIT else 1.0


def _corrected(platform: Platform, heard: Heard) -> dict[str, list[Vote]]:
    """By interaction: votes for the documents that triage found to hold what a person wrote as the right answer."""
    found: dict[str, list[Vote]] = {}
    with platform.catalog.read() as connection:
        for batch in batched(row["id"] for row in heard.asked):
            query = select(verdicts.c.interaction_id, verdicts.c.evidence).where(verdicts.c.interaction_id.in_(batch))
            for row in connection.execute(query):
                found[row.interaction_id] = list(_of_verdict(row.evidence, heard.said.get(row.interaction_id, ())))
    return found


def _of_verdict(evidence: Mapping[str, Any], said: Iterable[Row]) -> Iterator[Vote]:
    corrections = [one for one in said if one["kind"] == Kind.CORRECTION]
    if evidence["known"] == Known.CORRECTED and evidence["served"] and len(evidence["documents"]) <= FEW:
        for one in corrections[-1:]:
            for document in evidence["documents"]:
                yield Vote(document, one["person"] or one["session"] or one["id"], one["at"], USEFUL, one["id"])


# whose words count


def _shared_out(heard: Heard, settings: TrainingSettings, found: Gathered) -> Heard:
    """What was said, without those who contradict everybody, and nobody with more than their share."""
    asked = {row["id"]: row for row in heard.asked}
    whole = [(asked[id_], one) for id_, said in sorted(heard.said.items()) for one in said if _teaches(one)]
    liars = _contrary(heard)
    kept = [(row, one) for row, one in whole if not {judged.voter(row, one), row["asked_with"]} & liars]
    found.left_out["said by somebody who contradicts the others"] += len(whole) - len(kept)
    for what, share in _shares(settings):
        ids = _capped([Supplied(one["id"], _supplier(row, one, what)) for row, one in kept], what, share)
        found.left_out[f"said by a {what} beyond their share"] += len(kept) - len(ids)
        kept = [(row, one) for row, one in kept if one["id"] in ids]
    ids = {one["id"] for _row, one in kept}
    said = {id_: [one for one in those if one["id"] in ids] for id_, those in heard.said.items()}
    return Heard(heard.asked, said, heard.overtaken)


def _teaches(one: Row) -> bool:
    return one["kind"] in (Kind.RATING, Kind.RIGHT_PASSAGE, Kind.CORRECTION, *IMPLICIT)


def _contrary(heard: Heard) -> set[str]:
    """Keys, which have one voice each, however many people they name; and people, among those of the same key."""
    latest: dict[tuple[Any, str], tuple[str | None, Vote]] = {}
    votes = [(row, vote) for row in heard.asked for vote in judged.votes_of(row, heard)]
    for row, vote in sorted(votes, key=lambda one: (one[1].at, one[1].said)):
        latest[(row["query_digest"], vote.document), vote.by] = row["asked_with"], vote
    without: list[Ballot] = []
    by_key: dict[str, list[Ballot]] = defaultdict(list)
    for (about, by), (key, vote) in latest.items():
        (by_key[key] if key else without).append(Ballot(about, by, vote.grade > 0))
    found = contrary([*without, *(one for key, mine in by_key.items() for one in as_one(key, mine))])
    return found.union(*(contrary(mine) for key, mine in by_key.items() if key not in found))


def shared_out(examples: Sequence[AnyExample], settings: TrainingSettings, found: Gathered) -> list[AnyExample]:
    """Those of the examples of which nobody is alone behind more than their share; counts on ``found`` who is behind.

    Raises ``RefusedError`` where fewer people are behind them than the largest share allows.
    """
    asked = {row["id"]: row for row in found.heard.asked}
    said = {one["id"]: (asked[id_], one) for id_, those in found.heard.said.items() for one in those}

    def behind(one: AnyExample, what: str) -> set[str]:
        """A refusal may rest on no correction, but on what was said of the answers that were given instead."""
        ids = one.feedback or [each["id"] for id_ in one.interactions for each in found.heard.said.get(id_, ())]
        return {_supplier(*said[id_], what) for id_ in ids if id_ in said}

    kept = list(examples)
    for what, share in _shares(settings):
        alone = ((one.id, behind(one, what)) for one in kept)
        ids = _capped([Supplied(id_, by.pop() if len(by) == 1 else id_) for id_, by in alone], what, share)
        found.left_out[f"examples that one {what} alone is behind, beyond their share"] += len(kept) - len(ids)
        kept = [one for one in kept if one.id in ids]
    parts: Counter[str] = Counter()
    for one in kept:
        people = behind(one, "person")
        parts.update(dict.fromkeys(people, 1 / len(people)) if people else {})
    found.people, found.largest_share = len(parts), max(parts.values(), default=0) / max(len(kept), 1)
    return kept


def _shares(settings: TrainingSettings) -> tuple[tuple[str, float], ...]:
    return ("person", settings.max_share_per_person), ("key", settings.max_share_per_key)


def _capped(supplied: Sequence[Supplied], what: str, share: float) -> set[str]:
    """Ids that stay where nobody has more than ``share`` of them; of keys only where all of it came by one."""
    if share == 1 or not supplied:
        return {one.id for one in supplied}
    kept, _cut = within(supplied, share)
    if not kept:
        people = len({one.by for one in supplied})
        plural = {"person": "people"}.get(what, f"{what}s")
        raise RefusedError(
            f"{wording.count(people, what, plural)} said all that there is to learn from, and none may have said more "
            f"than {share:.0%} of it; collect feedback from others, or raise training.max_share_per_{what} "
            f"(to {_enough(people)})"
        )
    return kept


def _supplier(row: Row, one: Row, what: str) -> str:
    return row["asked_with"] or judged.voter(row, one) if what == "key" else judged.voter(row, one)


def _enough(people: int) -> str:
    return "1" if people == 1 else f"{-(-100 // people) / 100:g}"
