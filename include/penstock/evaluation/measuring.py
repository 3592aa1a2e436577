"""One side of an evaluation, measured: every question asked, each with its figures, and their means."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.evaluation import asking, intervals, measures
from penstock.evaluation.asking import Answer, Side
from penstock.evaluation.documents import NO_SUCH_FIELD, Meant, meant
from penstock.evaluation.intervals import Figure
from penstock.evaluation.questions import QuestionSet
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.retrieval.questions import QuestionVectors
from penstock.settings import RetrievalSettings


@dataclass(frozen=True, slots=True)
class Result:
    """What one question found: ids of ``documents``, the best first. ``relevant`` are those that answer it, by grade.

    ``about`` are all documents that it is about: also those that answer it and are not in the release.
    """

    documents: tuple[str, ...]
    relevant: Mapping[str, int]
    values: Mapping[str, float]
    about: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether an answer, and its span where one is named, is among the first ten."""
        return self.values["R@10"] > 0 and self.values.get(measures.SPAN, 1.0) > 0


@dataclass(frozen=True, slots=True)
class Measured:
    """``results`` by question; ``absent``: question → why it was not asked; ``figures``: by measure."""

    side: Side
    questions: QuestionSet
    results: Mapping[str, Result]
    absent: Mapping[str, str]
    figures: Mapping[str, Figure]
    seconds: float


def measure(
    platform: Platform,
    index: str,
    side: Side,
    questions: QuestionSet,
    progress: Progress | None = None,
    lenient: bool = False,
) -> Measured:
    """Ask a release every question whose documents it holds. Raises what reading, resolving and searching raise.

    ``lenient`` names questions whose filter the release cannot read, instead of raising.
    """
    began = time.perf_counter()
    wanted = meant(platform, index, side.release, questions)
    to_ask = [one for one in questions.questions if one.id in wanted.relevant]
    answers = asking.ask(platform, index, side, to_ask, progress, lenient)
    absent = {**wanted.absent, **{one.id: NO_SUCH_FIELD for one in to_ask if one.id not in answers}}
    results = _results(wanted, answers)
    seconds = round(time.perf_counter() - began, 3)
    return Measured(side, questions, results, absent, figures(results), seconds)


def measure_under(
    platform: Platform,
    index: str,
    release: int,
    settings: Sequence[RetrievalSettings],
    questions: QuestionSet,
    progress: Progress,
    vectors: QuestionVectors | None = None,
) -> list[dict[str, Result]]:
    """What each question finds in a release under each of the settings, which share all that they can.

    As ``measure`` of every one alone, except that no time is told. Raises as that does.
    """
    wanted = meant(platform, index, release, questions)
    to_ask = [one for one in questions.questions if one.id in wanted.relevant]
    found = asking.ask_under(platform, index, release, settings, to_ask, progress, vectors)
    return [_results(wanted, answers) for answers in found]


def _results(wanted: Meant, answers: Mapping[str, Answer]) -> dict[str, Result]:
    relevant = {id_: wanted.relevant[id_] for id_ in answers}
    values = measures.by_question(relevant, {id_: answer.documents for id_, answer in answers.items()})
    for id_, answer in answers.items():
        if answer.span is not None:
            values[id_][measures.SPAN] = float(answer.span)
    return {
        id_: Result(answer.documents, wanted.relevant[id_], values[id_], wanted.about[id_])
        for id_, answer in answers.items()
    }


def figures(results: Mapping[str, Result]) -> dict[str, Figure]:
    """Measure → mean over the questions that have it, in the order of the measures."""
    found: dict[str, Figure] = {}
    for name in (*measures.NAMES, measures.SPAN):
        if values := [one.values[name] for one in results.values() if name in one.values]:
            found[name] = intervals.score(values)
    return found
