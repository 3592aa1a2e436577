"""Ask an index questions as its readers would, and note which documents came back in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock import ids, retrieval
from penstock.errors import FilterError, TransientModelError, UsageError, did_you_mean
from penstock.evaluation.questions import Question
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.retrieval import Found
from penstock.retrieval.questions import QuestionVectors
from penstock.retrieval.replaying import Replay, asked_for
from penstock.settings import RetrievalSettings

SPAN_DEPTH = 10
WOULD_DO = {"bool_parsing": "true or false", "int_parsing": "a whole number", "float_parsing": "a number"}
"""What a setting is, by pydantic's name of what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is asked: a release, under settings of retrieval. With its writer's ``lease`` it may be a staged one."""

    release: int
    settings: RetrievalSettings
    lease: Lease | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Ids of the documents found, the best first, each once; and whether the question's span stands in a hit."""

    documents: tuple[str, ...]
    span: bool | None = None


def ask(
    platform: Platform,
    index: str,
    side: Side,
    questions: Iterable[Question],
    progress: Progress | None = None,
    lenient: bool = False,
) -> dict[str, Answer]:
    """Ask every question; question id → answer.

    A filter that the release cannot read is a ``UsageError`` naming question and release; ``lenient``, the question is
    left out: a release that others are compared with need not have the fields of today. Raises
    ``TransientModelError`` where a reranker does not answer: what readers then get is not what is measured.
    """
    found: dict[str, Answer] = {}
    for question in questions:
        try:
            hits = _search(platform, index, side, question)
        except FilterError as error:
            if lenient:
                continue
            raise UsageError(f"question {question.id!r} cannot be asked of release {side.release}: {error}") from None
        if late := next((stage for stage in hits.stages if stage.left_out), None):
            raise TransientModelError(f"question {question.id!r} of {index!r}: {late.name} was {late.note}")
        found[question.id] = Answer(ranking(hits), stands(question.span, hits) if question.span else None)
        if progress is not None:
            progress.advance()
    return found


def _search(platform: Platform, index: str, side: Side, question: Question) -> Found:
    who, where, k = question.principals, question.filter, asked_for(side.settings)
    if side.lease is None:
        return retrieval.search(platform, index, question.text, side.release, who, where, k, retrieval=side.settings)
    return retrieval.search_staged(platform, side.lease, side.release, question.text, who, where, k, side.settings)


def ask_under(
    platform: Platform,
    index: str,
    release: int,
    settings: Sequence[RetrievalSettings],
    questions: Iterable[Question],
    progress: Progress,
    vectors: QuestionVectors | None = None,
) -> list[dict[str, Answer]]:
    """Ask a release every question under each of the settings; of each question id → answer, without its span.

    Questions whose filter the release cannot read are left out. Raises as ``ask`` does.
    """
    replay = Replay(platform, index, release, vectors)
    found: list[dict[str, Answer]] = [{} for _ in settings]
    for question in questions:
        try:
            orders = replay.ask(question.text, question.principals, question.filter, settings)
        except FilterError:
            continue
        for answers, hits in zip(found, orders, strict=True):
            rows = [row for one in hits for row in (one.hit.row, *(same.row for same in one.same))]
            answers[question.id] = Answer(tuple(dict.fromkeys(row.document_id for row in rows)))
        progress.advance()
    replay.require_kept()
    return found


def ranking(found: Found) -> tuple[str, ...]:
    """Each document at the place of its best chunk; one that was collapsed into a hit comes straight after it."""
    places = (
        id_
        for hit in found.hits
        for id_ in (hit.document_id, *(ids.document_id(also.source, also.key) for also in hit.also))
    )
    return tuple(dict.fromkeys(places))


def stands(span: str, found: Found) -> bool:
    """Whether one of the first hits holds the span, white space aside."""
    wanted = " ".join(span.split())
    return any(wanted in " ".join(hit.text.split()) for hit in found.hits[:SPAN_DEPTH])


def changed(settings: RetrievalSettings, changes: Mapping[str, str]) -> RetrievalSettings:
    """Settings of retrieval with some written otherwise, as in ``{"mode": "text", "vector_weight": "0.3"}``.

    ``rerank`` can only be switched off (``"off"``). Raises ``UsageError`` naming the value and what would do.
    """
    from pydantic import ValidationError

    values: dict[str, object] = settings.model_dump()
    for name, value in changes.items():
        if name not in RetrievalSettings.model_fields:
            raise UsageError(f"{name!r} is no setting of retrieval{did_you_mean(name, RetrievalSettings.model_fields)}")
        if name == "rerank" and value != "off":
            raise UsageError(f"rerank={value}: a reranker is configured in the file; here it can be switched off only")
        values[name] = None if name == "rerank" else value
    try:
        return RetrievalSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        would = WOULD_DO.get(first["type"]) or first["msg"].removeprefix("Input should be ")
        raise UsageError(f"{name}={changes.get(name)} will not do; it is {would}") from None
