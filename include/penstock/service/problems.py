"""Problem documents (RFC 9457): every error of the service, with its type, its status and what to do about it.

What a caller did wrong is said in the words of the error. What is wrong here is said in words that name no address, no
file and no document: whoever runs the service finds the error's own words in the log, under the problem's ``instance``.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from penstock import errors
from penstock.credentials import AccessError, CredentialError
from penstock.feedback.saying import short

log = structlog.get_logger("penstock")

MEDIA_TYPE = "application/problem+json"
URN = "urn:penstock:problem:"
RETRY_AFTER_S = 5


class Fault(BaseModel):
    """One thing that is wrong with a request, and where: ``body.k``, ``path.index``."""

    at: str
    problem: str


class Problem(BaseModel):
    type: str = Field(examples=[f"{URN}unknown-index"])
    title: str = Field(examples=["There is no such index"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["unknown index 'handbok'; did you mean 'handbook'?"])
    instance: str | None = Field(default=None, examples=["urn:uuid:5c2e7ad4-3e25-4fd7-b7d8-5a8f4f0d3c55"])
    errors: list[Fault] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """``remedy`` stands in place of the error's own words, where these are for whoever runs the service."""

    name: str
    status: int
    title: str
    remedy: str | None = None


OPERATOR = "Whoever runs the service finds the reason in its log, under the instance of this problem."
UNEXPECTED = Kind("internal-error", 500, "Something went wrong here", f"This is a defect of the service. {OPERATOR}")
NOT_READY = Kind("not-ready", 503, "Some of what is served cannot be served now")
INVALID = Kind("invalid-request", 422, "The request is not what is described in /openapi.json")

KINDS: Mapping[type[BaseException], Kind] = {
    errors.UsageError: Kind("bad-request", 400, "This cannot be asked"),
    errors.UnknownFieldError: Kind("unknown-field", 400, "There is no such field"),
    CredentialError: Kind("unauthenticated", 401, "The credential does not do"),
    AccessError: Kind("forbidden", 403, "The credential does not give that"),
    errors.UnknownInteractionError: Kind("unknown-interaction", 404, "There is no such interaction"),
    errors.NothingPublishedError: Kind(
        "nothing-published",
        404,
        "Nothing was published yet",
        "Ask whoever runs the service to publish its first release.",
    ),
    errors.UnreadableReleaseError: Kind("unreadable-release", 404, "Readers do not get this release"),
    errors.PrunedReleaseError: Kind("release-pruned", 410, "The release is kept no more"),
    errors.PenstockError: Kind("failed", 500, "The service failed", OPERATOR),
    errors.ConfigError: Kind("misconfigured", 500, "The service is configured wrongly", OPERATOR),
    errors.StoreError: Kind("store-failed", 500, "A store is not what it should be", OPERATOR),
    errors.ModelError: Kind("model-failed", 502, "A model did not do what it was asked", OPERATOR),
    errors.TransientError: Kind("try-again", 503, "A part of the service is busy or away", "Ask again in a moment."),
    errors.TransientModelError: Kind("model-busy", 503, "A model is busy or away", "Ask again in a moment."),
    errors.ModelTimeoutError: Kind("out-of-time", 504, "A model was not done in time", "Ask again, or ask for less."),
}
UNKNOWN = {
    "index": Kind("unknown-index", 404, "There is no such index"),
    "release": Kind("unknown-release", 404, "There is no such release"),
}
"""What an ``UnknownNameError`` may name."""
OF_HTTP = {
    400: Kind("not-json", 400, "The body cannot be read", "Send one JSON document, encoded as UTF-8."),
    404: Kind("no-such-path", 404, "There is nothing here", "The paths are described in /openapi.json."),
    405: Kind("method-not-allowed", 405, "This path is asked otherwise", "The header Allow says how."),
    415: Kind("not-json", 415, "The body is no JSON", "Send JSON, and the header Content-Type: application/json."),
}
"""What the framework raises by itself, by status."""


class ProblemResponse(Response):
    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None = None) -> None:
        body = problem.model_dump_json(exclude_none=True).encode("utf-8", "replace")
        super().__init__(body, problem.status, headers)


def problem(kind: Kind, detail: str, instance: str | None = None, faults: Sequence[Fault] = ()) -> Problem:
    return Problem(
        type=URN + kind.name,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=instance,
        errors=list(faults) or None,
    )


def of_error(error: Exception, instance: str | None) -> Problem:
    """The problem that an error is. Words that are not for the caller go into the log, under ``instance``."""
    kind = kind_of(error)
    if kind.remedy:
        _write_down(error, kind, instance)
    return problem(kind, kind.remedy or str(error), instance)


def kind_of(error: Exception) -> Kind:
    if isinstance(error, errors.UnknownNameError) and error.kind in UNKNOWN:
        return UNKNOWN[error.kind]
    return next((KINDS[one] for one in type(error).__mro__ if one in KINDS), UNEXPECTED)


def headers_of(error: Exception, kind: Kind) -> dict[str, str]:
    """What a client's machinery goes by: when to come back, and how to say who one is."""
    if kind.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if kind.status != 503:
        return {}
    wait_s = getattr(error, "retry_after_s", None)
    return {"Retry-After": str(math.ceil(RETRY_AFTER_S if wait_s is None else wait_s))}


def response(error: Exception, instance: str | None) -> ProblemResponse:
    return ProblemResponse(of_error(error, instance), headers_of(error, kind_of(error)))


def of_http(error: HTTPException, instance: str | None) -> ProblemResponse:
    kind = OF_HTTP.get(error.status_code) or Kind("refused", error.status_code, str(error.detail))
    return ProblemResponse(problem(kind, kind.remedy or str(error.detail), instance), error.headers)


def of_validation(error: RequestValidationError, instance: str | None) -> ProblemResponse:
    """Each field that will not do. Words of the request are shown cut short, and no others."""
    faults = [_fault(one) for one in error.errors()]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return ProblemResponse(problem(OF_HTTP[400], f"{faults[0].problem}. {OF_HTTP[400].remedy}", instance))
    detail = "; ".join(f"{one.at}: {one.problem}" for one in faults[:3])
    return ProblemResponse(problem(INVALID, detail, instance, faults))


def _fault(error: Mapping[str, Any]) -> Fault:
    said = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "missing":
        said = "is missing"
    elif error["type"] == "extra_forbidden":
        said = "is no field that is known here; leave it out"
    elif error["type"] == "json_invalid":
        said = f"the body is no JSON: {error['ctx']['error']}"
    elif error["type"] != "string_unicode":
        said = f"{short(error['input'])} will not do: {said}"
    return Fault(at=".".join(map(_printable, error["loc"])), problem=_printable(said))


def _printable(value: object) -> str:
    return str(value).encode("utf-8", "backslashreplace").decode()


def _write_down(error: Exception, kind: Kind, instance: str | None) -> None:
    """Of an unexpected error the place and not the words, which may be those of a question."""
    said = {"error": str(error)}
    if not isinstance(error, errors.PenstockError):
        frames = traceback.extract_tb(error.__traceback__)
        ours = [one for one in frames if one is frames[-1] or "penstock" in Path(one.filename).parts]
        places = [f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in reversed(ours)]
        said = {"error": type(error).__name__, "at": " < ".join(places)}
    log.error("a request failed", problem=kind.name, instance=instance, **said)
