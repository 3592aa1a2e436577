"""The questions that readers ask over HTTP, each one function; they run in threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from penstock import answers, feedback, inspection, interactions, retrieval
from penstock.answers import Ended, Reading
from penstock.credentials import Caller, as_reader
from penstock.errors import StoreError, TransientError
from penstock.interactions import Asker
from penstock.platform import Platform
from penstock.retrieval import Found
from penstock.service import streaming
from penstock.service.health import Readiness
from penstock.service.listing import Releases, indexes, releases
from penstock.service.metrics import Metrics
from penstock.service.models import (
    AnswerRequest,
    AnswerResponse,
    FeedbackRequest,
    Given,
    Indexes,
    SearchRequest,
    SearchResponse,
    Sent,
)
from penstock.service.problems import Problem

log = structlog.get_logger("penstock")
router = APIRouter(prefix="/v1")


@dataclass(frozen=True, slots=True)
class Service:
    """What the endpoints work with; ``app.state.service``."""

    platform: Platform
    metrics: Metrics
    readiness: Readiness


Index = Annotated[str, Path(description="its name, as GET /v1/indexes lists it")]
Responses = dict[int | str, dict[str, Any]]
LOOKING: Responses = {status: {"model": Problem} for status in (400, 401, 403, 404, 422, 429, 500, 503, 504)}
ASKING: Responses = LOOKING | {status: {"model": Problem} for status in (408, 410, 413, 415, 502)}
EVENTS = (
    "Server-sent events, each with JSON as its data: `reading` (ReadingEvent) once, a `claim` (ClaimEvent) each as it "
    "is made, then `ended` (AnswerResponse, as without streaming) or `problem` (Problem)."
)
EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["reading", "claim", "ended", "problem"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["event", "data"],
    "description": EVENTS,
}
"""Of a stream the schema describes each event, as is usual before OpenAPI 3.2."""
STREAMED: Responses = {
    200: {
        "content": {"text/event-stream": {"schema": EVENT}},
        "description": "The answer, or its events",
    }
}


@router.post(
    "/indexes/{index}/search",
    response_model=SearchResponse,
    response_description="The hits, and the passages that they stand in",
    responses=ASKING,
)
def search(index: Index, asked: SearchRequest, request: Request) -> Response:
    """Find passages in the live release, or in an earlier one."""
    service = _service(request)
    asker = _asker(request, asked.principals, asked.person, asked.session)
    found = retrieval.search(
        service.platform, index, asked.query, asked.as_of, asker.principals, asked.where or None, asked.k, asked.mode
    )
    service.metrics.went_through(found.stages)
    interaction = _recorded(service, found, asker)
    _note(request, index=found.index, release=found.release, interaction=interaction)
    return _json(SearchResponse.of(found, interaction, asked.explain))


@router.post("/indexes/{index}/answer", response_model=AnswerResponse, responses={**ASKING, **STREAMED})
def answer(index: Index, asked: AnswerRequest, request: Request) -> Response:
    """Answer with exact quotes, or say that the index does not hold the answer."""
    service = _service(request)
    asker = _asker(request, asked.principals, asked.person, asked.session)
    events = answers.recorded(
        service.platform,
        answers.stream(service.platform, index, asked.question, asked.as_of, asker.principals, asked.where or None),
        asker,
    )

    def ended(event: Ended) -> None:
        _count(service, event)
        _note(request, index=index, release=event.answer.release, interaction=event.interaction)

    if asked.stream:
        first = next(events)  # what is wrong with the question is said with its own status
        assert isinstance(first, Reading)
        return streaming.EventStream(streaming.blocks(first, events, request.state.instance, ended))
    last = answers.last(events)
    ended(last)
    return _json(AnswerResponse.of(last.answer, last.interaction))


@router.post(
    "/feedback", status_code=201, response_model=Given, response_description="It is written down", responses=ASKING
)
def give_feedback(given: FeedbackRequest, request: Request) -> Response:
    """Say something of what was shown: of the whole answer, or of one of its passages."""
    asker = _asker(request, None, given.person, given.session)
    id_ = feedback.give(_service(request).platform, given.interaction, given.said(), asker)
    return _json(Given(id=id_), 201)


@router.get("/indexes", response_model=Indexes, response_description="The indexes", responses=LOOKING)
def list_indexes(request: Request) -> Response:
    """The indexes, and what is live of each."""
    return _json(Indexes(indexes=indexes(_service(request).platform)))


@router.get(
    "/indexes/{index}/releases", response_model=Releases, response_description="The releases", responses=LOOKING
)
def list_releases(index: Index, request: Request) -> Response:
    """The releases of an index, the newest first."""
    return _json(releases(inspection.list_releases(_service(request).platform, index)))


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _asker(request: Request, principals: list[str] | None, person: str | None, session: str | None) -> Asker:
    caller: Caller = request.state.caller  # ``Limits`` has found out
    return as_reader(caller, principals, person, session)


def _recorded(service: Service, found: Found, asker: Asker) -> str | None:
    """The id of the interaction; where the catalog cannot take it the reader is answered all the same."""
    try:
        return interactions.record(service.platform, found, asker)
    except (StoreError, TransientError) as error:
        service.metrics.not_recorded.labels(found.index).inc()
        log.error("a search is not kept as an interaction", index=found.index, error=str(error))
        return None


def _count(service: Service, event: Ended) -> None:
    metrics, answer = service.metrics, event.answer
    metrics.went_through(answer.stages)
    if answer.refused is not None:
        metrics.refused.labels(answer.index).inc()
    if answer.broken_off is not None:
        metrics.broken_off.labels(answer.index).inc()
        log.warning("an answer broke off", index=answer.index, error=answer.broken_off)
    if event.interaction is None:
        metrics.not_recorded.labels(answer.index).inc()


def _note(request: Request, **notes: Any) -> None:
    """For the line in the log: no words of a question, and no secret."""
    request.state.notes.update(notes)


def _json(body: Sent, status: int = 200) -> Response:
    return Response(body.json_bytes(), status, media_type="application/json")
