"""What answers and problems look like: the examples of /openapi.json, of the handbook in include/samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from penstock.service import limits, problems
from penstock.service.problems import Kind

SEARCH, ANSWER = "/v1/indexes/{index}/search", "/v1/indexes/{index}/answer"
FEEDBACK, RELEASES, READY = "/v1/feedback", "/v1/indexes/{index}/releases", "/readyz"
ONLY_AT: Mapping[str, tuple[str, ...]] = {
    "unknown-field": (SEARCH, ANSWER),
    "nothing-published": (SEARCH, ANSWER),
    "unknown-release": (SEARCH, ANSWER),
    "unreadable-release": (SEARCH, ANSWER),
    "release-pruned": (SEARCH, ANSWER),
    "model-failed": (SEARCH, ANSWER),
    "model-busy": (SEARCH, ANSWER),
    "unknown-index": (SEARCH, ANSWER, RELEASES),
    "not-json": (SEARCH, ANSWER, FEEDBACK),
    "unknown-interaction": (FEEDBACK,),
    "not-ready": (READY,),
}
"""Where a problem comes from, of those that do not come from everywhere below ``/v1``."""
INTERACTION = "0f343b0931126a20f133d67c2b018a3b"
DETAILS = {
    "bad-request": "the question is blank; write some words to search for",
    "unknown-field": "filter, character 1: unknown field 'yaer'; did you mean 'year'?",
    "unauthenticated": "the token expired; get a new one",
    "forbidden": "this credential does not give the principal 'group:people-team'; it gives: public",
    "unknown-interaction": f"there is no interaction '{INTERACTION}': its id is wrong, it was erased, or it is over "
    "90 days old",
    "unknown-index": "unknown index 'handbok'; did you mean 'handbook'?",
    "unknown-release": "unknown release '99'; there are: 1, 2",
    "unreadable-release": "release 3 of 'handbook' is waiting; readers see only published releases",
    "release-pruned": "release 1 of 'handbook' is pruned; ask the live release (leave as_of out)",
    "invalid-request": "body.k: 0 will not do: Input should be greater than or equal to 1",
    "not-ready": "handbook: its collection does not answer",
    "too-large": "a request may have 65,536 bytes; send less",
    "too-slow": "its body did not come within 20 s; send it at once",
    "too-often": "more than 120 requests in a minute; come again in 7 s",
    "busy": "it works on 32 requests already; come again in a moment",
    "out-of-time": "it took more than 60 s; ask for less, or again later",
}
"""Of kinds of problems whose words are those of the error."""

TEXT = "A week of river watch is paid £240, on top of the hours worked."
PLACE = {
    "document_id": "9f1c2f0f6f0f4f63a7a4f6f7b8a1c2d3",
    "source": "handbook",
    "key": "engineering/river-watch.md",
    "title": "River watch",
    "headings": ["River watch", "Pay"],
    "page": None,
    "revision": "b546d74bd4021c39f9a3d1a1b7a0a6b1d1b9f3e7c5a2948f6e0d3c1b2a495867",
    "start": 305,
}
CHUNK = "5c2e7ad4-3e25-8fd7-b7d8-5a8f4f0d3c55"
PASSAGE = {**PLACE, "end": 305 + len(TEXT), "text": TEXT, "chunks": [CHUNK]}
HIT = {
    **PLACE,
    "end": 305 + len(TEXT),
    "text": TEXT,
    "chunk_id": CHUNK,
    "score": 0.93,
    "fields": {"year": "2026"},
    "scores": {"text": 7.41, "vector": 0.78},
    "also": [],
}
QUOTED = "A week of river watch is paid £240"
QUOTE = {**PLACE, "number": 1, "passage": 0, "text": QUOTED, "end": 305 + len(QUOTED)}
RELEASE = {
    "number": 2,
    "state": "published",
    "live": True,
    "created_at": 1777636800.0,
    "published_at": 1777636830.0,
    "documents": 35,
    "quarantined": 1,
    "chunks": 141,
    "changes": {"new": 1, "changed": 1, "removed": 1},
    "failed_gates": [],
}
RESPONSES: dict[str, Any] = {
    SEARCH: {
        "interaction": INTERACTION,
        "index": "handbook",
        "release": 2,
        "query": "What is a week of river watch paid?",
        "hits": [HIT],
        "passages": [PASSAGE],
    },
    ANSWER: {
        "interaction": INTERACTION,
        "index": "handbook",
        "release": 2,
        "question": "What is a week of river watch paid?",
        "text": QUOTED,
        "claims": [{"text": QUOTED, "quotes": [1], "unsupported": False}],
        "quotes": [QUOTE],
        "passages": [PASSAGE],
        "generator": "extractive",
        "refused": False,
        "where": None,
        "reason": None,
        "confidence": 0.94,
        "needed": 0.1,
        "dropped": {},
        "broken_off": None,
        "stages": [{"name": "embed", "ms": 8.1}, {"name": "search", "ms": 11.4, "note": "50 candidates, hybrid"}],
    },
    FEEDBACK: {"id": "6a1f0c55e0b94d1e8f2b7c3d9e4a5b60"},
    "/v1/indexes": {
        "indexes": [
            {
                "name": "handbook",
                "release": 2,
                "published_at": 1777636830.0,
                "documents": 35,
                "chunks": 141,
                "fields": {"key": "text", "year": "number"},
            }
        ]
    },
    RELEASES: {"releases": [RELEASE]},
    "/healthz": {"status": "ok"},
    READY: {"status": "ok"},
}
"""By path, of the answer that is none of the problems."""
STREAM = "".join(
    f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
    for name, data in (
        ("reading", {"interaction": None, "release": 2, "passages": [PASSAGE]}),
        ("claim", {"claim": RESPONSES[ANSWER]["claims"][0], "quotes": [QUOTE]}),
        ("ended", RESPONSES[ANSWER]),
    )
)


def add(made: dict[str, Any]) -> None:
    """Put an example beside each response that the description ``made`` names; drop those that never come."""
    by_status: dict[int, list[Kind]] = {}
    for kind in _kinds():
        by_status.setdefault(kind.status, []).append(kind)
    for path, operations in made["paths"].items():
        for operation in operations.values():
            for status, response in list(operation["responses"].items()):
                content = response["content"]
                if problems.MEDIA_TYPE in content:
                    kinds = [one for one in by_status[int(status)] if _comes_from(one, path)]
                    content[problems.MEDIA_TYPE]["examples"] = {one.name: {"value": _example(one)} for one in kinds}
                    if not kinds:
                        del operation["responses"][status]
                else:
                    content["application/json"]["example"] = RESPONSES[path]
                if "text/event-stream" in content:
                    content["text/event-stream"]["example"] = STREAM


def _comes_from(kind: Kind, path: str) -> bool:
    return path in ONLY_AT[kind.name] if kind.name in ONLY_AT else path.startswith(limits.GOVERNED)


def _kinds() -> Iterable[Kind]:
    of_errors = (*problems.KINDS.values(), *problems.UNKNOWN.values(), problems.UNEXPECTED)
    of_requests = (problems.INVALID, *(kind for status, kind in problems.OF_HTTP.items() if status in (400, 415)))
    of_limits = (limits.TOO_LARGE, limits.TOO_SLOW, limits.TOO_OFTEN, limits.BUSY, limits.OUT_OF_TIME)
    return (*of_errors, *of_requests, *of_limits, problems.NOT_READY)


def _example(kind: Kind) -> dict[str, Any]:
    detail = kind.remedy or DETAILS[kind.name]
    return problems.problem(kind, detail, "urn:uuid:5c2e7ad4-3e25-4fd7-b7d8-5a8f4f0d3c55").model_dump(exclude_none=True)
