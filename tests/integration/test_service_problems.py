"""Whatever a reader sends, and whatever fails behind the service: a problem document that says what to do."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from structlog.typing import EventDict

from penstock import interactions, maintenance
from penstock.credential_settings import LimitSettings
from penstock.parsing import ParserPool
from penstock.service.app import SPARE_THREADS
from penstock.service_settings import ServiceSettings
from penstock.settings import AnswerSettings, GeneratorSettings, ParserSettings
from support.chat_models import claim
from support.model_api import CHAT_MODEL, EventStream, Fault, ModelApi
from support.service import events_of, serving
from support.workspace import Workspace

SEARCH, ANSWER, FEEDBACK = "/v1/indexes/main/search", "/v1/indexes/main/answer", "/v1/feedback"
RELEASES = 3


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory, pools: dict[ParserSettings, ParserPool]) -> Iterator[Workspace]:
    """Release 1 is pruned, 2 was not the last, 3 is live."""
    w = Workspace(tmp_path_factory.mktemp("problems"), pools)
    for number in range(RELEASES):
        w.write("mill.md", f"# Mill\n\nThe miller grinds barley for {number} days.\n")
        w.sync()
    maintenance.prune(w.platform, "main", keep=2)
    yield w
    w.platform.close()


@pytest.fixture(scope="module")
def client(mill: Workspace) -> Iterator[httpx.Client]:
    with serving(mill.platform) as client:
        yield client


def problem(said: httpx.Response) -> dict[str, Any]:
    assert said.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = said.json()
    assert body["status"] == said.status_code
    assert body["instance"].startswith("urn:uuid:")
    return body


@pytest.mark.parametrize(
    ("path", "asked", "status", "name", "detail"),
    [
        (SEARCH, {"query": " \n"}, 400, "bad-request", "the question is blank; write some words to search for"),
        (
            "/v1/indexes/mian/search",
            {"query": "a"},
            404,
            "unknown-index",
            "unknown index 'mian'; did you mean 'main'?",
        ),
        (
            SEARCH,
            {"query": "a", "as_of": 1},
            410,
            "release-pruned",
            "release 1 of 'main' is pruned; ask the live release (leave as_of out)",
        ),
        (
            SEARCH,
            {"query": "a", "as_of": 9},
            404,
            "unknown-release",
            "unknown release '9'; there are: 1, 2, 3",
        ),
        (
            SEARCH,
            {"query": "a", "principals": ["group:board"]},
            403,
            "forbidden",
            None,
        ),
        (
            f"/v1/indexes/{'x' * 50_000}/search",
            {"query": "a"},
            404,
            "unknown-index",
            f"unknown index '{'x' * 200}…'; there are: main",
        ),
        (
            SEARCH,
            {"query": "a", "where": "sauce='docs'"},
            400,
            "unknown-field",
            "filter, character 1: unknown field 'sauce'; did you mean 'source'?",
        ),
        (SEARCH, {"query": "\u200b"}, 400, "bad-request", "the question is blank; write some words to search for"),
        (
            ANSWER,
            {"question": "\u0000\u0001"},
            400,
            "bad-request",
            "the question is blank; write some words to search for",
        ),
        (ANSWER, {"question": ""}, 400, "bad-request", "the question is blank; write some words to search for"),
        (ANSWER, {"question": "a", "stream": True, "as_of": 1}, 410, "release-pruned", None),
        (
            SEARCH,
            {"query": "a", "k": "7"},
            422,
            "invalid-request",
            "body.k: '7' will not do: Input should be a valid integer",
        ),
        (
            SEARCH,
            {"query": "a", "depth": 7},
            422,
            "invalid-request",
            "body.depth: is no field that is known here; leave it out",
        ),
        (SEARCH, {"k": 7}, 422, "invalid-request", "body.query: is missing"),
        (
            FEEDBACK,
            {"interaction": "none", "kind": "rating", "value": 1},
            404,
            "unknown-interaction",
            "there is no interaction 'none': its id is wrong, it was erased, or it is over 90 days old",
        ),
        (
            FEEDBACK,
            {"interaction": "x", "kind": "right-passage", "passage": "y", "span": {}},
            422,
            "invalid-request",
            "body.span: {} will not do: a span has its text, or its start and its end",
        ),
        (FEEDBACK, {"interaction": "x", "kind": "hate"}, 422, "invalid-request", None),
    ],
)
def test_a_mistake_is_named(
    client: httpx.Client, path: str, asked: dict[str, Any], status: int, name: str, detail: str | None
) -> None:
    said = problem(client.post(path, json=asked))
    assert (said["status"], said["type"]) == (status, f"urn:penstock:problem:{name}")
    if detail is not None:
        assert said["detail"] == detail


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"\xff\xfe\x00", 400),
        (b"[" * 200_000, 400),
        (b'{"query": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b'{"query": "\\ud800"}', 422),
        (b'{"query": "a", "\\udcff": 1}', 422),
        (b'{"query": "a", "k": NaN}', 422),
        (b'{"query": "a", "as_of": 1' + b"0" * 400 + b"}", 422),
        (b'{"query": "a", "as_of": 1' + b"0" * 5000 + b"}", 400),
        (b"null", 422),
        (json.dumps({"query": "a" * 4001}).encode(), 422),
        (json.dumps({"query": "a", "session": ""}).encode(), 422),
        (json.dumps({"query": "a", "where": "source"}).encode(), 400),
        (json.dumps({"query": "a\0b"}).encode(), 200),
        (json.dumps({"query": "a", "session": "\0", "person": "\0"}).encode(), 200),
        (json.dumps({"query": "'; DROP TABLE x; -- \" OR title:* AND NOT (a~2)^9 \\"}).encode(), 200),
        (json.dumps({"query": "\u202e\ufeff\U0010ffff" * 200}).encode(), 200),
        (json.dumps({"query": "!?"}).encode(), 200),
    ],
    ids=lambda value: repr(value[:32]) if isinstance(value, bytes) else str(value),
)
def test_no_body_is_too_strange(client: httpx.Client, body: bytes, status: int) -> None:
    said = client.post(SEARCH, content=body, headers={"content-type": "application/json"})
    assert said.status_code == status
    if status != 200:
        problem(said)


@pytest.mark.parametrize("where", ["color='red'", "source", "'", "\0", "(" * 4_000])
def test_a_filter_that_is_none_is_refused(client: httpx.Client, where: str) -> None:
    said = problem(client.post(SEARCH, json={"query": "a", "where": where}))
    assert said["status"] == 400
    assert len(said["detail"]) > 20


@pytest.mark.parametrize("path", ["/v1/indexes/", "/v1/indexes/main/releases/", "/page"])
def test_no_path_sends_a_reader_and_their_key_elsewhere(client: httpx.Client, path: str) -> None:
    said = client.get(path, headers={"Host": "elsewhere.example"})
    assert "location" not in said.headers
    assert problem(said)["type"].endswith(":no-such-path")


def test_paths_methods_and_media_types(client: httpx.Client) -> None:
    assert problem(client.get("/nowhere"))["type"].endswith(":no-such-path")
    wrong = client.get(SEARCH)
    assert problem(wrong)["type"].endswith(":method-not-allowed")
    assert wrong.headers["allow"] == "POST"
    form = client.post(SEARCH, data={"query": "a"})
    assert (form.status_code, problem(form)["type"]) == (415, "urn:penstock:problem:not-json")
    assert problem(client.get("/page/%2e%2e/app.py"))["status"] == 404
    assert problem(client.get("/page/%00"))["status"] == 404
    assert problem(client.post("/v1/indexes/%00%ff/search", json={"query": "a"}))["type"].endswith(":unknown-index")


def test_a_credential_that_will_not_do_is_told_so(client: httpx.Client) -> None:
    said = client.post(SEARCH, json={"query": "a"}, headers={"authorization": "Bearer nonsense"})
    assert problem(said)["type"] == "urn:penstock:problem:unauthenticated"
    assert said.headers["www-authenticate"] == "Bearer"


def test_a_defect_is_a_problem_that_tells_nothing(mill: Workspace, client: httpx.Client, log: list[EventDict]) -> None:
    """A statement that the database cannot take is a bug, as a rule: here the database is given one."""

    def spoil(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "pointers" in statement:
            raise ZeroDivisionError("the salary of Ann")

    event.listen(mill.platform.catalog.engine, "before_cursor_execute", spoil)
    try:
        said = problem(client.post(SEARCH, json={"query": "Who grinds?"}))
    finally:
        event.remove(mill.platform.catalog.engine, "before_cursor_execute", spoil)
    assert (said["status"], said["type"]) == (500, "urn:penstock:problem:internal-error")
    assert "Ann" not in json.dumps(said)
    assert said["instance"] in str(log)
    assert "ZeroDivisionError" in str(log)
    assert "Ann" not in str(log)
    assert "grinds" not in str(log)


def test_readers_are_answered_where_nothing_can_be_recorded(mill: Workspace, client: httpx.Client) -> None:
    with mill.platform.catalog.write() as connection:
        connection.exec_driver_sql("ALTER TABLE interactions RENAME TO gone")
    try:
        shown = client.post(SEARCH, json={"query": "barley"})
        events = client.post(ANSWER, json={"question": "Who grinds barley?", "stream": True}).text
    finally:
        with mill.platform.catalog.write() as connection:
            connection.exec_driver_sql("ALTER TABLE gone RENAME TO interactions")
    assert (shown.status_code, shown.json()["interaction"], len(shown.json()["hits"])) == (200, None, 1)
    assert [data["interaction"] for name, data in events_of(iter(events.split("\n"))) if name == "ended"] == [None]
    assert 'penstock_interactions_not_recorded_total{index="main"} 2.0' in client.get("/metrics").text


def test_a_locked_catalog_holds_nobody_up_for_long(mill: Workspace, client: httpx.Client, log: list[EventDict]) -> None:
    """Less than the 30 s that other writers wait: the client of these requests gives up before."""
    patience_s = 15
    with closing(sqlite3.connect(str(mill.platform.catalog.engine.url.database), isolation_level=None)) as other:
        other.execute("begin immediate")
        shown = client.post(SEARCH, json={"query": "barley"}, timeout=patience_s)
        ready = client.get("/readyz", timeout=patience_s)
        other.execute("rollback")
    assert (shown.status_code, shown.json()["interaction"], len(shown.json()["hits"])) == (200, None, 1)
    assert [one["at"] for one in problem(ready)["errors"]] == ["catalog: writing"]
    assert "database is locked" in str(log)
    assert client.get("/readyz").status_code == 200


def test_a_catalog_that_hangs_takes_no_thread_for_each_who_asks_of_it(
    workspace: Workspace, log: list[EventDict]
) -> None:
    """Its host is frozen, or the way to it is cut: nothing refuses, and nothing answers."""
    limits = LimitSettings(at_once=1)  # so that there are few threads
    workspace.settings = workspace.settings.model_copy(update={"service": ServiceSettings(limits=limits)})
    goes_on = Event()

    def hang(*_: Any) -> None:
        goes_on.wait(60)

    with (
        closing(workspace.open()) as platform,
        serving(platform) as client,
        ThreadPoolExecutor(2 * SPARE_THREADS) as pool,
    ):
        event.listen(platform.catalog.engine, "before_cursor_execute", hang)
        try:
            probes = list(pool.map(client.get, ["/readyz", "/metrics"] * SPARE_THREADS))
            alive = client.get("/healthz", timeout=10)
        finally:
            event.remove(platform.catalog.engine, "before_cursor_execute", hang)
            goes_on.set()
        assert alive.status_code == 200
        assert {one.status_code for one in probes[::2]} == {503}
        assert [one["at"] for one in problem(probes[0])["errors"]] == ["catalog"]
        assert "penstock_catalog_up 0.0" in probes[1].text
        end = time.monotonic() + 30  # the looks that hung end first
        while client.get("/readyz").status_code != 200 or "penstock_catalog_up 1.0" not in client.get("/metrics").text:
            assert time.monotonic() < end, "it is ready again"
    assert "it did not answer within 5 s" in str(log)


# chat models


@pytest.fixture
def answered(mill: Workspace, api: ModelApi) -> Iterator[Callable[..., httpx.Response]]:
    """Ask the service, which has the chat model of the server."""
    chat = GeneratorSettings(backend="openai", model=CHAT_MODEL, base_url=f"{api.url}/v1", tries=1, timeout_s=0.5)
    main = mill.settings.indexes["main"].model_copy(
        update={"answer": AnswerSettings(generator=chat, min_confidence=0.0)}
    )
    before, mill.settings = mill.settings, mill.settings.model_copy(update={"indexes": {"main": main}})
    platform = mill.open()
    with serving(platform) as client:
        yield lambda **more: client.post(ANSWER, json={"question": "Who grinds barley?", **more})
    platform.close()
    mill.settings = before


RIGHT = (1, "The miller grinds barley for 2 days.")


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        (Fault(503, {"message": "busy"}, headers={"Retry-After": "17"}), 503, "model-busy"),
        (Fault(401, {"message": "no"}), 502, "model-failed"),
        (Fault(delay_s=0.8), 504, "out-of-time"),
        (Fault(spoil=lambda _body: EventStream(b"data: {not json\n\n")), 502, "model-failed"),
    ],
    ids=["busy", "refused", "slow", "garbage"],
)
def test_a_model_that_fails_before_its_first_claim(
    answered: Callable[..., httpx.Response], api: ModelApi, fault: Fault, status: int, name: str
) -> None:
    api.writes = lambda _body: claim("So.", RIGHT)
    api.faults.append(fault)
    said = answered()
    assert (problem(said)["status"], problem(said)["type"]) == (status, f"urn:penstock:problem:{name}")
    assert api.url not in said.text
    assert said.headers.get("retry-after") == ("17" if status == 503 else None)


def test_garbage_and_sources_that_were_not_given_do_not_pass(
    mill: Workspace, answered: Callable[..., httpx.Response], api: ModelApi
) -> None:
    api.writes = lambda _body: '{"claim": [[[ \0 ]]'
    assert problem(answered())["status"] == 502
    api.writes = lambda _body: claim("It is sold.", (99, "sold"), (1, "The mill is sold.")) + claim("So.", RIGHT)
    said = answered().json()
    assert [one["unsupported"] for one in said["claims"]] == [True, False]
    assert said["text"] == "It is sold. [no source] So."
    assert said["dropped"] == {"no such passage": 1, "not in the passage": 1}


def test_an_answer_that_breaks_off_is_shown_for_what_it_is(
    mill: Workspace, answered: Callable[..., httpx.Response], api: ModelApi
) -> None:
    api.writes = lambda _body: claim("So.", RIGHT) + " " * 500
    api.faults.append(Fault(cut=True))
    events = list(events_of(iter(answered(stream=True).text.split("\n"))))
    assert [name for name, _ in events] == ["reading", "claim", "ended"]
    assert events[-1][1]["broken_off"] == "the model that words the answer did not come to its end"
    api.faults.append(Fault(500, {"message": "no"}))
    head, (name, last) = events_of(iter(answered(stream=True).text.split("\n")))
    assert (head[0], name, last["type"]) == ("reading", "problem", "urn:penstock:problem:model-busy")
    kept = interactions.read(mill.platform, "main").to_pylist()
    assert "So." in [one["answer"] for one in kept]
