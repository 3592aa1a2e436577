"""The service as those see it who run it: readiness, figures, the log, and how it stops."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Timer

import anyio
import anyio.to_thread
import httpx
import pytest
from sqlalchemy import event
from structlog.typing import EventDict
from typer.testing import CliRunner

from penstock.cli import app
from penstock.errors import UsageError
from penstock.parsing import ParserPool
from penstock.platform import Platform
from penstock.service.serving import listen
from penstock.service.warming import keep_warm
from penstock.settings import ParserSettings, load
from penstock.sync import sync
from support.model_api import CHAT_MODEL, Fault, ModelApi
from support.service import events_of, serving
from support.workspace import Workspace

SEARCH, ANSWER = "/v1/indexes/main/search", "/v1/indexes/main/answer"


@pytest.fixture
def mill(workspace: Workspace) -> Workspace:
    workspace.write("mill.md", "# Mill\n\nThe miller grinds barley in the old mill.\n")
    workspace.sync()
    return workspace


def test_it_is_ready_until_a_part_is_lost(mill: Workspace, log: list[EventDict]) -> None:
    with serving(mill.platform) as client:
        assert client.get("/healthz").json() == client.get("/readyz").json() == {"status": "ok"}
        shutil.rmtree(mill.settings.index_url)
        said = client.get("/readyz")
        assert client.get("/healthz").status_code == 200
    assert (said.status_code, said.headers["retry-after"]) == (503, "5")
    assert [one["at"] for one in said.json()["errors"]] == ["main: collection"]
    assert str(mill.root) not in said.text
    assert said.json()["instance"] in str(log)


def test_an_installation_without_a_release_is_ready_and_says_so(workspace: Workspace, log: list[EventDict]) -> None:
    with serving(workspace.platform) as client:
        assert client.get("/readyz").status_code == 200
        (index,) = client.get("/v1/indexes").json()["indexes"]
        said = client.post(SEARCH, json={"query": "barley"}).json()
    assert index["release"] is None
    assert said["type"] == "urn:penstock:problem:nothing-published"
    assert said["detail"] == "Ask whoever runs the service to publish its first release."
    assert "run `penstock sync main`" in str(log)


def test_figures_and_the_log_hold_no_words_of_a_reader(mill: Workspace, log: list[EventDict]) -> None:
    with serving(mill.platform) as client:
        client.post(SEARCH, json={"query": "barley of Mallory", "session": "Mallory"})
        client.post("/v1/indexes/Mallory/search", json={"query": "barley"})
        client.post(ANSWER, json={"question": "Mallory?", "where": "key='none'"})
        client.get("/Mallory")
        figures = client.get("/metrics").text
    for line in (
        'penstock_requests_total{method="POST",route="/v1/indexes/{index}/search",status="200"} 1.0',
        'penstock_requests_total{method="POST",route="/v1/indexes/{index}/search",status="404"} 1.0',
        'penstock_requests_total{method="GET",route="(none)",status="404"} 1.0',
        'penstock_stage_seconds_count{stage="cite"} 2.0',
        'penstock_refusals_total{index="main"} 1.0',
        'penstock_live_release{index="main"} 1.0',
        "penstock_catalog_up 1.0",
    ):
        assert line in figures
    asked = [one for one in log if one.get("route") == "/v1/indexes/{index}/search"]
    assert {one["caller"] for one in asked} == {"anonymous"}
    assert "Mallory" not in figures + str(log)


def test_what_the_server_itself_says_stands_in_the_log(
    workspace: Workspace, log: list[EventDict], capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        serving(workspace.platform) as client,
        socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=30) as raw,
    ):
        raw.sendall(b"garbage\r\n\r\n")
        assert raw.recv(12) == b"HTTP/1.1 400"
    said = "Invalid HTTP request received."
    assert [one["logger"] for one in log if one["event"] == said] == ["uvicorn.error"]
    assert said not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("port", "bound"), [("-1", "greater than or equal to 0"), ("65536", "less than or equal to 65535")]
)
def test_a_port_that_there_is_not_is_wrong_use(port: str, bound: str) -> None:
    said = CliRunner().invoke(app, ["serve", f"--port={port}"])
    assert said.exit_code == 2
    assert f"Invalid value for '--port': Input should be {bound}" in said.output


def test_a_balancer_may_ask_for_heads(workspace: Workspace) -> None:
    with serving(workspace.platform) as client:
        heads = [client.head(path) for path in ("/", "/healthz", "/readyz")]
    assert [(one.status_code, one.content) for one in heads] == [(200, b"")] * 3


def test_a_port_that_is_taken_is_named() -> None:
    with (
        listen("127.0.0.1", 0) as bound,
        pytest.raises(UsageError, match=r"127\.0\.0\.1 port \d+ cannot be listened on: Address already in use"),
    ):
        listen("127.0.0.1", bound.getsockname()[1])


@pytest.fixture
def configured(tmp_path: Path, pools: dict[ParserSettings, ParserPool], api: ModelApi) -> Path:
    """The configuration of something published, for a process of its own: the server of models words its answers."""
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "mill.md").write_text("# Mill\n\nThe miller grinds barley. It is old.\n")
    (tmp_path / "penstock.toml").write_text(f"""
[sources.docs]
type = "folder"
path = "documents"
when_silent = ["public"]
[parser]
workers = 1
[service]
stop_s = 2
[indexes.main]
sources = ["docs"]
embedder = {{ backend = "hashing" }}
answer.min_confidence = 0
answer.generator = {{ backend = "openai", model = "{CHAT_MODEL}", base_url = "{api.url}/v1" }}
""")
    with closing(Platform(load(tmp_path / "penstock.toml"), pools=pools)) as platform:
        assert sync(platform, "main").state == "published"
    return tmp_path / "penstock.toml"


def started(configuration: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "penstock.cli", "serve", "--port", "0", "--json"]
    environment = os.environ | {"PENSTOCK_CONFIG": str(configuration)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    url: str = json.loads(process.stdout.readline())["url"]
    return url


@pytest.mark.e2e
def test_who_is_told_to_stop_ends_what_is_under_way(configured: Path, api: ModelApi) -> None:
    api.faults.append(Fault(hold=(hold := Event())))
    with started(configured) as process:
        url = url_of(process)
        with httpx.stream("POST", url + ANSWER, json={"question": "Who grinds?", "stream": True}, timeout=60) as said:
            events = events_of(said.iter_lines())
            assert next(events)[0] == "reading"
            process.send_signal(signal.SIGTERM)
            hold.set()
            assert [name for name, _ in events][-1] == "ended"
        assert process.wait(60) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url + "/healthz")


@pytest.mark.e2e
def test_who_is_told_to_stop_waits_for_nobody_who_never_answers(configured: Path, api: ModelApi) -> None:
    """Who asked is told to come again, and the thread that still waits does not keep the process."""
    api.faults.append(Fault(hold=(hold := Event())))
    with started(configured) as process, ThreadPoolExecutor(1) as pool:
        url = url_of(process)
        asked = pool.submit(httpx.post, url + ANSWER, json={"question": "Who grinds?"}, timeout=60)
        while not api.asked and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        hold.set()
    said = asked.result()
    assert (said.status_code, said.headers["retry-after"]) == (503, "1")
    assert said.json()["type"] == "urn:penstock:problem:busy"
    assert said.json()["detail"] == "it is being stopped, and this took longer than it waits; ask again"


def test_a_look_for_what_waits_that_hangs_holds_up_no_end(workspace: Workspace) -> None:
    hangs, goes_on = Event(), Event()
    ended_before = []

    def hang(*_: object) -> None:
        hangs.set()
        goes_on.wait(60)

    async def end() -> None:
        async with anyio.create_task_group() as beside:
            beside.start_soon(keep_warm, workspace.platform, 0.0)
            await anyio.to_thread.run_sync(hangs.wait)
            beside.cancel_scope.cancel()
        ended_before.append(not goes_on.is_set())

    engine = workspace.platform.catalog.engine
    event.listen(engine, "before_cursor_execute", hang)
    late = Timer(20, goes_on.set)
    late.start()
    try:
        anyio.run(end)
    finally:
        late.cancel()
        goes_on.set()
        event.remove(engine, "before_cursor_execute", hang)
    assert ended_before == [True]
