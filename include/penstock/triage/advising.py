"""What advice rests on: what triage says, what the log gives when it is replayed, and what there is to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from penstock.evaluation import judged
from penstock.evaluation.asking import Side, changed
from penstock.evaluation.measures import MAIN
from penstock.evaluation.measuring import Measured, measure
from penstock.evaluation.questions import Question, QuestionSet
from penstock.evaluation.running import sides
from penstock.feedback.hearing import Heard, hear
from penstock.feedback.saying import Kind
from penstock.feedback.topics import topics_of
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion.gains import gain
from penstock.triage.advice import MODELS, SURE, Advice, Findings, Step, Tried, advise
from penstock.triage.causes import Cause
from penstock.triage.evidence import everybody
from penstock.triage.running import Judged, triage

VARIANTS = (
    {"vector_weight": "0.3"},
    {"vector_weight": "0.7"},
    {"mode": "text"},
    {"mode": "vector"},
    {"candidates": "200"},
    {"collapse": "false"},
)
FEWEST = 20
"""Questions with a known answer, below which a replay tells nothing."""


def advice_for(
    platform: Platform, index: str, since: datetime | None = None, progress: Progress | None = None
) -> list[Advice]:
    """What to do next about an index. Raises as ``triage`` does; asks each logged question once for each variant."""
    progress = progress or Progress()
    found = triage(platform, index, since, progress)
    heard = hear(platform, index, since)
    missing = [row for row in heard.asked if row["id"] in _of(found.judged, Cause.MISSING) and row["query"]]
    return advise(
        Findings(
            asked=found.asked,
            causes=Counter(one.verdict.cause for one in found.judged),
            topics=[f"{one['topic']} ({one['asked']} asked)" for one in topics_of(platform, index, missing)],
            waiting=sorted({one.verdict.why for one in found.judged if one.verdict.cause is Cause.STALE}),
            tried=replayed(platform, index, known(platform, index, found.judged, since), progress),
            examples=_examples(heard, found.judged),
            needed={step: platform.settings.index(index).training.min_examples for step in MODELS},
        )
    )


def replayed(platform: Platform, index: str, questions: QuestionSet, progress: Progress) -> list[Tried]:
    """The gain of each variant over today's settings, on questions of the log; none where they are too few."""
    if len(questions.questions) < FEWEST:
        return []
    today, _ = sides(platform, index)
    before = measure(platform, index, today, questions, progress)
    tried = []
    for changes in VARIANTS:
        settings = changed(today.settings, changes)
        if settings != today.settings:
            after = measure(platform, index, Side(today.release, settings), questions, progress)
            tried.append(_compared(", ".join(f"{name}={value}" for name, value in changes.items()), before, after))
    return tried


def _compared(settings: str, before: Measured, after: Measured) -> Tried:
    both = sorted(before.results.keys() & after.results.keys())
    differences = [after.results[id_].values[MAIN] - before.results[id_].values[MAIN] for id_ in both]
    groups = [
        min(before.results[id_].relevant) for id_ in both
    ]  # questions that one document answers are not independent
    return Tried(settings, gain(differences, groups, SURE / len(VARIANTS)))


def known(platform: Platform, index: str, judgements: Sequence[Judged], since: datetime | None = None) -> QuestionSet:
    """Every logged question whose right document is known, asked as somebody who may see everything.

    Those that went well too: of complaints alone any other setting looks better, since today's is the one that failed.
    """
    who = everybody(platform)
    voted = judged.questions(platform, index, who, since)
    questions = {one.text: one for one in voted.questions}
    for one in judgements:
        if one.question and one.evidence.served and one.question not in questions:
            answers = dict.fromkeys(one.evidence.documents, 1)
            questions[one.question] = Question(one.interaction, one.question, answers, principals=who)
    return QuestionSet("log", tuple(questions.values()), private=True, by_id=True)


def _examples(heard: Heard, judgements: Sequence[Judged]) -> dict[Step, int]:
    known = {one.interaction for one in judgements if one.evidence.served}
    right = [row for row in heard.asked if row["id"] in known or _liked(row["id"], heard)]
    rated = sum(
        one["kind"] == Kind.RATING and one["document_id"] is not None
        for row in right
        for one in heard.said.get(row["id"], ())
    )
    answered = sum(
        bool(heard.of(row, Kind.CORRECTION)) or any(value > 0 for value in heard.ratings(row)) for row in heard.asked
    )
    return {
        Step.EMBEDDER: len({row["query_digest"] for row in right}),
        Step.RERANKER: rated,
        Step.GENERATOR: answered,
    }


def _liked(interaction: str, heard: Heard) -> bool:
    return any(
        one["document_id"] and (one["kind"] == Kind.RIGHT_PASSAGE or (one["value"] or 0) > 0)
        for one in heard.said.get(interaction, ())
    )


def _of(judgements: Sequence[Judged], cause: Cause) -> set[str]:
    return {one.interaction for one in judgements if one.verdict.cause is cause}
