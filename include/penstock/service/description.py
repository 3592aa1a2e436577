"""The OpenAPI description: what FastAPI derives, with problem documents under their own media type."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from penstock.service import examples
from penstock.service.limits import GOVERNED
from penstock.service.models import ClaimEvent, ReadingEvent
from penstock.service.problems import MEDIA_TYPE

ABOUT: dict[str, Any] = {
    "title": "Penstock",
    "version": version("penstock"),
    "summary": "Passages and answers from numbered releases of a search index, with exact citations.",
    "description": "Each search and each answer is kept as an interaction, which feedback names. Who asks sees what is "
    "public, and what the credential gives; a request may narrow that and never widen it. Errors are problem documents "
    "(RFC 9457) that say what to do.",
}
EVENTS = (ReadingEvent, ClaimEvent)
"""What streams hold besides answers and problems; no response is one of them, so the framework would not name them."""
RETRY_AFTER = {"description": "seconds to wait before asking again", "schema": {"type": "integer", "minimum": 0}}


def describe(app: FastAPI, anonymous: bool) -> None:
    """Have ``/openapi.json`` say it; made once. ``anonymous``: whether one may ask without a credential."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(get_openapi(**ABOUT, routes=app.routes))
            _name_events(made)
            _name_problems(made)
            _name_credentials(made, anonymous)
            examples.add(made)
        return made

    app.openapi = openapi  # type: ignore[method-assign]


BEARER = {"type": "http", "scheme": "bearer", "description": "an API key, or a token (JWT) of the configured issuer"}


def _name_credentials(made: dict[str, Any], anonymous: bool) -> None:
    made["components"]["securitySchemes"] = {"bearer": BEARER}
    for path, operations in made["paths"].items():
        if path.startswith(GOVERNED):
            for operation in operations.values():
                operation["security"] = [*([{}] if anonymous else []), {"bearer": []}]


def _name_events(made: dict[str, Any]) -> None:
    for event in EVENTS:
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        made["components"]["schemas"] |= schema.pop("$defs") | {event.__name__: schema}


def _name_problems(made: dict[str, Any]) -> None:
    for path in made["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items():
                content = response.get("content", {})
                if int(status) >= 400 and "application/json" in content:
                    content[MEDIA_TYPE] = content.pop("application/json")
                if int(status) in (429, 503):
                    response["headers"] = {"Retry-After": RETRY_AFTER}
