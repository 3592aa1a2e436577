"""Answers to questions whose answers are known: how well they cite, what is refused, and what a judge thinks of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penstock import answers, ids
from penstock.answers import quality
from penstock.answers.quality import Quality
from penstock.answers.results import Answer
from penstock.errors import ModelError, TransientModelError, UsageError
from penstock.evaluation import intervals
from penstock.evaluation.documents import UNANSWERABLE, meant
from penstock.evaluation.intervals import Figure
from penstock.evaluation.judging import Judge, NoVerdictError, Opinion
from penstock.evaluation.questions import Question, QuestionSet
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.wording import count

OPINION = "a model's opinion, which errs and may be talked round by what it reads"


@dataclass(frozen=True, slots=True)
class Graded:
    """One question that was put. ``failed`` is what went wrong where there is no whole answer, ``hopeless`` whether
    trying again would not help.

    ``quality`` is None where the set names no span, ``opinion`` where there was nothing to judge or no verdict came.
    """

    question: Question
    answer: Answer | None
    quality: Quality | None = None
    opinion: Opinion | None = None
    failed: str | None = None
    unjudged: str | None = None
    hopeless: bool = False


@dataclass(frozen=True, slots=True)
class AnswersEvaluated:
    """``rows`` in the order of the questions; ``absent``: question → why it was not put. ``judge``: a model's name."""

    index: str
    release: int
    questions: QuestionSet
    generator: str
    judge: str | None
    rows: Sequence[Graded]
    absent: Mapping[str, str]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: shares and means with their 95 % intervals, what failed by reason; a private set's texts not."""
        return {
            "index": self.index,
            "release": self.release,
            "generator": self.generator,
            "questions": {"set": self.questions.name, "digest": self.questions.digest, "asked": len(self.rows)},
            "remarks": list(self.questions.remarks),
            "absent": dict(self.absent),
            "figures": {name: figure.to_dict() for name, figure in self.figures().items()},
            "failed_questions": {row.question.id: row.failed for row in self.rows if row.failed},
            "failed": dict(Counter(row.failed for row in self.rows if row.failed)),
            "judge": self._judged(),
            "answers": [self._answer(row) for row in self.rows],
            "seconds": self.seconds,
        }

    def figures(self) -> dict[str, Figure]:
        """By name. Precision and recall are those of citations; a refused answer has recall and F1 0, and no precision.

        Refused wrongly is a share of the questions that have answers, rightly one of those that nothing answers;
        supported the share of an answer's claims that have a quote.
        """
        refused = [(bool(row.question.answers), row.answer.refused is not None) for row in self.rows if row.answer]
        graded = [row.quality for row in self.rows if row.quality]
        values: dict[str, list[float]] = {
            "refused wrongly": [float(one) for answerable, one in refused if answerable],
            "refused rightly": [float(one) for answerable, one in refused if not answerable],
            "precision": [one.precision for one in graded if one.precision is not None],
            "recall": [one.recall for one in graded],
            "span F1": [one.span_f1 for one in graded],
            "supported": [one.supported for one in graded if one.supported is not None],
        }
        return _means(values)

    def _judged(self) -> dict[str, Any] | None:
        if self.judge is None:
            return None
        opinions = [row.opinion for row in self.rows if row.opinion]
        values = {
            "faithfulness": [one.faithfulness for one in opinions],
            "relevance": [float(one.relevant) for one in opinions],
        }
        return {
            "model": self.judge,
            "meaning": OPINION,
            "judged": len(opinions),
            "figures": {name: figure.to_dict() for name, figure in _means(values).items()},
            "unjudged": dict(Counter(row.unjudged for row in self.rows if row.unjudged)),
        }

    def _answer(self, row: Graded) -> dict[str, Any]:
        said = row.answer
        return {
            "question": row.question.id,
            "text": None if self.questions.private else row.question.text,
            "refused": said.refused if said else None,
            "answer": None if said is None or self.questions.private else said.text,
            "span_f1": row.quality.span_f1 if row.quality else None,
            "opinion": asdict(row.opinion) if row.opinion else None,
            "failed": row.failed,
            "unjudged": row.unjudged,
        }


def _means(values: Mapping[str, Sequence[float]]) -> dict[str, Figure]:
    return {name: intervals.score(list(mine)) for name, mine in values.items() if mine}


def open_judge(platform: Platform, index: str) -> Judge:
    """The judge that the index's settings name. Raises ``UsageError`` where they name none."""
    settings = platform.settings.index(index).judge
    if settings is None:
        raise UsageError(f"name a chat model as indexes.{index}.judge in {platform.settings.file}; there is no judge")
    return platform.judge(settings)


def evaluate_answers(
    platform: Platform,
    index: str,
    questions: QuestionSet,
    release: int,
    judge: Judge | None = None,
    progress: Progress | None = None,
) -> AnswersEvaluated:
    """Put every question whose documents the release holds, and those that nothing answers; grade what comes.

    Nothing of it is kept. A generator that fails at one question, or a judge that does not answer, is counted; raises
    ``ModelError`` where every question that a generator is asked fails for good, such as for a wrong key, and
    ``UsageError`` where none can be put.
    """
    began, progress = time.perf_counter(), progress or Progress()
    wanted = meant(platform, index, release, questions)
    absent = {id_: why for id_, why in wanted.absent.items() if why != UNANSWERABLE}
    to_ask = [one for one in questions.questions if one.id not in absent]
    if not to_ask:
        raise UsageError(f"none of {count(len(absent), 'question')} of {questions.name} can be asked of {index!r}")
    progress.stage("ask", len(to_ask))
    rows = []
    for question in to_ask:
        rows.append(_graded(platform, index, release, question, judge, _is_right(wanted.relevant.get(question.id, {}))))
        progress.advance()
    _raise_where_hopeless(rows)
    return AnswersEvaluated(
        index=index,
        release=release,
        questions=questions,
        generator=platform.settings.index(index).answer.generator_name,
        judge=judge.name if judge else None,
        rows=rows,
        absent=absent,
        seconds=round(time.perf_counter() - began, 3),
    )


def _raise_where_hopeless(rows: Sequence[Graded]) -> None:
    asked = [row for row in rows if row.answer is None or row.answer.generator]  # the others were refused before
    if asked and all(row.hopeless for row in asked):
        raise ModelError(f"none of {count(len(asked), 'question')} was answered: {asked[0].failed}")


IsRight = Callable[[str, str], bool]


def _is_right(relevant: Mapping[str, int]) -> IsRight:
    """Whether the document of a source and a key is one that answers."""
    return lambda source, key: ids.document_id(source, key) in relevant


def _graded(
    platform: Platform, index: str, release: int, question: Question, judge: Judge | None, is_right: IsRight
) -> Graded:
    try:
        answer = answers.ask(platform, index, question.text, release, question.principals, question.filter)
    except ModelError as error:
        return Graded(question, None, failed=str(error), hopeless=not isinstance(error, TransientModelError))
    if answer.broken_off:
        return Graded(question, answer, failed=answer.broken_off)
    keys = {quote.key for quote in answer.quotes if is_right(quote.source, quote.key)}
    graded = quality.grade(answer, keys, question.span) if question.span else None
    if judge is None or answer.refused:
        return Graded(question, answer, graded)
    try:
        return Graded(question, answer, graded, judge.opinion(answer))
    except (NoVerdictError, TransientModelError) as error:
        return Graded(question, answer, graded, unjudged=str(error))
