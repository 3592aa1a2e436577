"""What advice rests on: what triage says, what the log gives when it is replayed, and what there is to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from penstock.errors import RefusedError
from penstock.evaluation import judged
from penstock.evaluation.asking import changed
from penstock.evaluation.measures import MAIN
from penstock.evaluation.measuring import Result, measure_under
from penstock.evaluation.questions import Question, QuestionSet
from penstock.evaluation.running import sides
from penstock.feedback.hearing import Heard, hear
from penstock.feedback.topics import topics_of
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion.gains import fewest_groups, gain
from penstock.retrieval.questions import QuestionVectors
from penstock.triage.advice import MODELS, PURPOSES, SURE, Advice, Findings, Step, Tried, advise
from penstock.triage.causes import Cause, Standing
from penstock.triage.evidence import everybody
from penstock.triage.running import Judged, triage_of

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
    """What to do next about an index. Raises as ``triage`` does.

    Asks each logged question once, whatever settings it tries, and once more for each model that it may be an example
    for.
    """
    progress = progress or Progress()
    heard = hear(platform, index, since)
    vectors = QuestionVectors(platform)
    found = triage_of(platform, index, heard, since, progress, vectors)
    causes = Counter(one.verdict.cause for one in found.judged)
    examples, refused = _examples(platform, index, causes, since, progress)
    missing = [row for row in heard.asked if row["id"] in _of(found.judged, Cause.MISSING) and row["query"]]
    return advise(
        Findings(
            asked=found.asked,
            causes=causes,
            topics=[f"{one['topic']} ({one['asked']} asked)" for one in topics_of(platform, index, missing)],
            waiting=sorted({one.verdict.why for one in found.judged if one.verdict.cause is Cause.STALE}),
            tried=replayed(platform, index, known(platform, heard, found.judged), progress, vectors),
            examples=examples,
            served_by_now=sum(
                one.verdict.cause is Cause.STALE and one.evidence.standing is Standing.SERVED_NOW
                for one in found.judged
            ),
            needed={step: platform.settings.index(index).training.min_examples for step in MODELS},
            refused=refused,
        )
    )


def _examples(
    platform: Platform, index: str, causes: Mapping[Cause, int], since: datetime | None, progress: Progress
) -> tuple[dict[Step, int], str]:
    """What there is to learn from for each model that something is blamed on, and why nothing may be, if so."""
    from penstock.training.counting import count  # which rests on triage

    purposes = {PURPOSES[step]: step for step, (cause, _what) in MODELS.items() if causes.get(cause)}
    if not purposes:
        return {}, ""
    try:
        counts = count(platform, index, purposes, since, progress)
    except RefusedError as error:
        return {}, str(error)
    return {purposes[purpose]: number for purpose, number in counts.items()}, ""


def replayed(
    platform: Platform, index: str, questions: QuestionSet, progress: Progress, vectors: QuestionVectors | None = None
) -> list[Tried]:
    """The gain of each variant over today's settings, on questions of the log; none where they are too few."""
    if len(questions.questions) < FEWEST:
        return []
    today, _ = sides(platform, index)
    named = {", ".join(f"{name}={value}" for name, value in one.items()): one for one in VARIANTS}
    under = {name: changed(today.settings, changes) for name, changes in named.items()}
    under = {name: settings for name, settings in under.items() if settings != today.settings}
    asked = [today.settings, *under.values()]
    before, *after = measure_under(platform, index, today.release, asked, questions, progress, vectors)
    if len(before) < FEWEST or len({_group(one) for one in before.values()}) < fewest_groups(SURE / len(VARIANTS)):
        return []  # most answers are no longer served, or so few documents have them that luck cannot be told
    return [_compared(name, before, found) for name, found in zip(under, after, strict=True)]


def _compared(settings: str, before: Mapping[str, Result], after: Mapping[str, Result]) -> Tried:
    differences = [after[id_].values[MAIN] - before[id_].values[MAIN] for id_ in sorted(before)]
    groups = [_group(before[id_]) for id_ in sorted(before)]
    return Tried(settings, gain(differences, groups, SURE / len(VARIANTS)))


def _group(one: Result) -> str:
    """What one document answers is not independent."""
    return min(one.relevant)


def known(platform: Platform, heard: Heard, judgements: Sequence[Judged]) -> QuestionSet:
    """Every logged question whose right document is known, asked as somebody who may see everything.

    Those that went well too: of complaints alone any other setting looks better, since today's is the one that failed.
    """
    who = everybody(platform)
    voted = judged.questions(platform, heard, who)
    questions = {one.text: one for one in voted.questions}
    for one in judgements:
        if one.question and one.evidence.served and one.question not in questions:
            answers = dict.fromkeys(one.evidence.documents, 1)
            questions[one.question] = Question(one.interaction, one.question, answers, principals=who)
    return QuestionSet("log", tuple(questions.values()), private=True, by_id=True)


def _of(judgements: Sequence[Judged], cause: Cause) -> set[str]:
    return {one.interaction for one in judgements if one.verdict.cause is cause}
