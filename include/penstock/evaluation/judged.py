"""Questions that people asked, with the documents that they judged: what feedback says of retrieval, and no more.

The rule, for one question (case and space aside) and one document:

- A question that was asked under a filter is another than the same without it, or under another.
- Naming the right passage is a vote for the document, of grade 2. A thumb up on a passage of it, or one that was copied
  or cited, is a vote of grade 1; a thumb down on a passage is a vote against it.
- What is said of a whole answer is said of a document only where no other was shown.
- Each person has one vote, the latest; so has each reader without a name, and each unnamed row of an imported log.
- The document answers the question where more votes are for it than against, with the best grade of those for it. As
  many for as against say nothing, and neither does a comment or a correction.

Only what was shown could be judged: documents that no search ever brought up count as wrong here. Figures say whether
what people liked is still found, and they favour the settings under which it was found first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from penstock import wording
from penstock.batching import batched
from penstock.catalog.schema import documents
from penstock.errors import UsageError
from penstock.evaluation.questions import Question, QuestionSet
from penstock.feedback.hearing import Heard, hear
from penstock.feedback.saying import Kind
from penstock.interactions.recording import LIVE
from penstock.platform import Platform
from penstock.records import PUBLIC

Row = Mapping[str, Any]
NAME = "feedback"
RIGHT, USEFUL, WRONG = 2, 1, 0
BIASED = (
    "only what was shown could be judged: what no search ever brought up counts as wrong, and the settings under which "
    "people asked are favoured"
)


class Vote(NamedTuple):
    """``by`` is who said it, as far as that can be told; ``said`` is the id of the feedback."""

    document: str
    by: str
    at: float
    grade: int
    said: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the votes on one question's documents come to: document → grade from 1 on, how many are wrong, or even."""

    answers: Mapping[str, int]
    wrong: int
    undecided: int


def read(platform: Platform, index: str, readers: Collection[str] = (), since: datetime | None = None) -> QuestionSet:
    """The questions that were asked since then and of which a document is judged right, to be asked as ``readers``.

    Each goes by the id of the interaction that asked it first: with that its text is found, for as long as it is kept.
    Documents that these readers may not see are left out. Raises ``UsageError`` where no question is left.
    """
    found = questions(platform, hear(platform, index, since), readers)
    if not found.questions:
        raise UsageError(
            f"no question of {index!r} has a document that people judged right; collect ratings of passages, or right "
            "passages (`penstock feedback give`, `penstock feedback import`)"
        )
    return found


def questions(platform: Platform, said: Heard, readers: Collection[str] = ()) -> QuestionSet:
    """What ``read`` reads, of what was heard; an empty set where no question is left."""
    asked = by_question(said)
    votes = {one: [vote for row in rows for vote in votes_of(row, said)] for one, rows in asked.items()}
    hidden = _hidden(platform, {vote.document for mine in votes.values() for vote in mine}, readers)
    verdicts = {one: decide(vote for vote in mine if vote.document not in hidden) for one, mine in votes.items()}
    who = tuple(readers)
    kept = [
        Question(
            rows[0]["id"],
            told["query"],
            verdicts[one].answers,
            principals=who,
            where=filter_of(told),
        )
        for one, rows in asked.items()
        if verdicts[one].answers and (told := last_told(rows))
    ]
    untold = sum(bool(one.answers) for one in verdicts.values()) - len(kept)
    remarks = (BIASED, *_counted(list(verdicts.values()), len(hidden), untold))
    return QuestionSet(NAME, tuple(kept), private=True, by_id=True, remarks=remarks)


def by_question(said: Heard) -> dict[tuple[str, str], list[Row]]:
    """Interactions by the question that they asked and the filter that it was asked under."""
    asked: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in said.asked:
        asked[row["query_digest"], json.dumps(filter_of(row), sort_keys=True)].append(row)
    return asked


def filter_of(row: Row) -> Any:
    """The filter that a question was asked under, empty for none."""
    return row["setup"].get("where") or {}


def last_told(rows: Sequence[Row]) -> Row | None:
    """Of those who asked one question the last whose words are kept; None where none are."""
    return next((row for row in reversed(rows) if row["query"]), None)


def votes_of(row: Row, said: Heard) -> Iterator[Vote]:
    """What was said of one interaction, as votes on documents."""
    shown = {document for _chunk, document in row["shown"]}
    for one in said.said.get(row["id"], ()):
        document = one["document_id"] or (next(iter(shown)) if len(shown) == 1 else None)
        grade = _grade(one)
        if document is not None and grade is not None:
            yield Vote(document, voter(row, one), one["at"], grade, one["id"])


def voter(row: Row, one: Row) -> str:
    """Who said ``one`` of the interaction ``row``: a person, a session, or a reader without a name."""
    return str(one["person"] or one["session"] or (row["id"] if one["origin"] == LIVE else one["id"]))


def _grade(one: Row) -> int | None:
    match one["kind"]:
        case Kind.RIGHT_PASSAGE:
            return RIGHT
        case Kind.COPIED | Kind.CITED:
            return USEFUL
        case Kind.RATING if one["value"]:
            return USEFUL if one["value"] > 0 else WRONG
    return None


def decide(votes: Iterable[Vote]) -> Verdict:
    """Count the votes on one question, see the module's rule."""
    latest: dict[tuple[str, str], Vote] = {}
    for vote in sorted(votes, key=lambda one: (one.at, one.grade)):
        latest[vote.document, vote.by] = vote
    grades: dict[str, list[int]] = defaultdict(list)
    for vote in latest.values():
        grades[vote.document].append(vote.grade)
    for_it = {document: sum(grade > WRONG for grade in mine) for document, mine in grades.items()}
    answers = {document: max(mine) for document, mine in grades.items() if 2 * for_it[document] > len(mine)}
    wrong = sum(2 * for_it[document] < len(mine) for document, mine in grades.items())
    return Verdict(answers, wrong, len(grades) - len(answers) - wrong)


def _hidden(platform: Platform, ids: Collection[str], readers: Collection[str]) -> set[str]:
    """Those of the documents that these readers may not see today, or that were erased."""
    seen: set[str] = set()
    who = {PUBLIC, *readers}
    with platform.catalog.read() as connection:
        for batch in batched(sorted(ids)):
            query = select(documents.c.id, documents.c.principals)
            found = connection.execute(query.where(documents.c.id.in_(batch), documents.c.erased_at.is_(None)))
            seen.update(row.id for row in found if who & set(json.loads(row.principals)))
    return set(ids) - seen


def _counted(verdicts: Sequence[Verdict], hidden: int, untold: int) -> Iterator[str]:
    """What was judged and is no part of the figures."""
    wrong, undecided = sum(one.wrong for one in verdicts), sum(one.undecided for one in verdicts)
    useless = sum(not one.answers and one.wrong + one.undecided > 0 for one in verdicts)
    if wrong:
        yield f"{wording.count(wrong, 'document')} judged wrong: what is not judged right counts as wrong anyway"
    if undecided:
        yield f"{wording.count(undecided, 'document')} judged right as often as wrong: left out"
    if useless:
        yield f"{wording.count(useless, 'question')} of which nothing is judged right: not asked"
    if hidden:
        what = wording.count(hidden, "judged document")
        yield f"{what} that these readers may not see, or that were erased: left out"
    if untold:
        yield f"{wording.count(untold, 'question')} whose words are not kept: not asked"
