"""The service answers as /openapi.json says that it does, whatever it is asked: schemathesis asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from penstock.credential_settings import LimitSettings
from penstock.parsing import ParserPool
from penstock.service import create_app
from penstock.service_settings import ServiceSettings
from penstock.settings import ParserSettings
from support.workspace import Workspace

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory, pools: dict[ParserSettings, ParserPool]) -> Iterator[Any]:
    w = Workspace(tmp_path_factory.mktemp("described"), pools)
    w.write("mill.md", "# Mill\n\nThe miller grinds barley in the old mill.\n")
    w.sync()
    limits = LimitSettings(requests_per_minute=0)  # what is refused for its number would be tried for nothing
    w.settings = w.settings.model_copy(update={"service": ServiceSettings(limits=limits)})
    w.platform.close()
    w.platform = w.open()
    yield schemathesis.openapi.from_asgi("/openapi.json", create_app(w.platform))
    w.platform.close()


OPERATIONS = [
    ("POST", "/v1/indexes/{index}/search"),
    ("POST", "/v1/indexes/{index}/answer"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/indexes"),
    ("GET", "/v1/indexes/{index}/releases"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
]


def test_who_asks_may_say_so_and_the_events_are_named(described: Any) -> None:
    said = described.raw_schema
    answer = said["paths"]["/v1/indexes/{index}/answer"]["post"]
    assert said["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert answer["security"] == [{}, {"bearer": []}]
    assert "security" not in said["paths"]["/healthz"]["get"]
    events = answer["responses"]["200"]["content"]["text/event-stream"]["schema"]["description"]
    assert all(f"`{name}`" in events for name in ("reading", "claim", "ended", "problem"))
    told = said["components"]["schemas"]["ReadingEvent"]["properties"]["interaction"]
    assert (told["type"], told["description"]) == ("null", "always null: it has an id when the answer has `ended`")


def test_a_stream_has_an_example_of_the_events_that_it_names(described: Any) -> None:
    said = described.raw_schema
    media = said["paths"]["/v1/indexes/{index}/answer"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    blocks = [block.splitlines() for block in media["example"].removesuffix("\n\n").split("\n\n")]
    events = [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]
    assert [name for name, _ in events] == ["reading", "claim", "ended"]
    for (_, data), of in zip(events, ("ReadingEvent", "ClaimEvent", "AnswerResponse"), strict=True):
        schema = {"$ref": f"#/components/schemas/{of}", "components": said["components"]}
        assert list(Draft202012Validator(schema).iter_errors(data)) == []


def test_operations_have_names_that_a_client_can_be_made_of(described: Any) -> None:
    names = {one["operationId"] for path in described.raw_schema["paths"].values() for one in path.values()}
    assert names == {"search", "answer", "give_feedback", "list_indexes", "list_releases", "healthz", "readyz"}


def test_a_problem_is_named_where_it_comes_from(described: Any) -> None:
    named = {
        path: {name for response in operation["responses"].values() for name in examples_of(response)}
        for path, operations in described.raw_schema["paths"].items()
        for operation in operations.values()
    }
    assert named["/readyz"] == {"not-ready"}
    assert "unknown-interaction" in named["/v1/feedback"]
    assert not named["/v1/indexes"] & {"unknown-index", "unknown-interaction", "release-pruned", "not-json"}
    assert named["/v1/indexes/{index}/search"] == named["/v1/indexes/{index}/answer"] >= {"release-pruned", "busy"}


def examples_of(response: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = response["content"].get("application/problem+json", {}).get("examples", {})
    return found


def test_every_answer_and_every_problem_has_an_example_that_is_one(described: Any) -> None:
    said, named = described.raw_schema, set()
    for path, operations in said["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                content = response["content"]
                if "application/problem+json" in content:
                    media = content["application/problem+json"]
                    values = [one["value"] for one in media["examples"].values()]
                    assert {one["status"] for one in values} == {int(status)}, (path, status)
                    named |= media["examples"].keys()
                else:
                    media = content["application/json"]
                    values = [media["example"]]
                for value in values:
                    schema = {**media["schema"], "components": said["components"]}
                    assert list(Draft202012Validator(schema).iter_errors(value)) == [], (path, status)
    assert named >= {"unknown-index", "release-pruned", "unauthenticated", "too-often", "model-busy", "not-ready"}


FEW = settings(max_examples=15)
MANY = settings(max_examples=400)


def test_every_operation_is_asked(described: Any) -> None:
    found = {(one.ok().method.upper(), one.ok().path) for one in described.get_all_operations()}
    assert found == set(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_is_too_much(described: Any, method: str, path: str) -> None:
    ask(described[path][method], FEW)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_request_of_many_is_too_much(described: Any, method: str, path: str) -> None:
    seen = ask(described[path][method], MANY)
    assert seen >= ({200, 422} if path.endswith(("search", "answer")) else set()), "the questions were all of one kind"


def ask(operation: Any, how_often: settings) -> set[int]:
    """Ask an operation what its description allows, and what it does not; return the statuses that came."""
    seen = set()
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes))

    @settings(how_often, suppress_health_check=list(HealthCheck))
    @given(cases, st.booleans())
    def once(case: schemathesis.Case, ours: bool) -> None:
        if ours and "index" in case.path_parameters:
            case.path_parameters["index"] = "main"  # a made-up name is never that of an index
        seen.add(case.call_and_validate(checks=CHECKS).status_code)

    once()
    return seen
