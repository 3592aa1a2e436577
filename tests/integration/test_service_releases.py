"""A request ends on the release that it began on, whatever is published, rolled back or pruned meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest

from penstock import interactions, maintenance, release
from penstock.platform import Platform
from penstock.settings import AnswerSettings, ApiEmbedderSettings, GeneratorSettings
from support.chat_models import honest
from support.model_api import CHAT_MODEL, DIMENSION, OPENAI_MODEL, Fault, ModelApi
from support.service import events_of, serving
from support.workspace import WHO, Workspace

SEARCH, ANSWER = "/v1/indexes/main/search", "/v1/indexes/main/answer"
BARLEY = {"query": "Who grinds barley?"}


@pytest.fixture
def mill(workspace: Workspace, api: ModelApi) -> Workspace:
    """Embedder and chat model answer over HTTP, so that a test can do something while a request waits for them."""
    here: dict[str, Any] = {"backend": "openai", "base_url": f"{api.url}/v1", "tries": 1}
    chat = GeneratorSettings(**here, model=CHAT_MODEL)
    workspace.change_index(
        embedder=ApiEmbedderSettings(**here, model=OPENAI_MODEL, dimension=DIMENSION),
        answer=AnswerSettings(generator=chat, min_confidence=0.0),
    )
    write(workspace, "miller")
    return workspace


@pytest.fixture
def other(mill: Workspace) -> Iterator[Platform]:
    """Another process's view of the same installation."""
    platform = mill.open()
    yield platform
    platform.close()


def write(w: Workspace, who: str) -> None:
    """Publish a release that says that somebody else grinds."""
    w.write("mill.md", f"# Mill\n\nThe {who} grinds barley.\n")
    assert w.sync().state == "published"


def replace_and_prune(w: Workspace) -> None:
    write(w, "baker")
    maintenance.prune(w.platform, "main", keep=1)


def meanwhile(api: ModelApi, do: Callable[[], object]) -> None:
    """Do something while the next request of a model is answered."""

    def spoil(answer: Any) -> Any:
        do()
        return answer

    api.faults.append(Fault(spoil=spoil))


def test_the_very_next_request_sees_what_another_process_published(mill: Workspace, other: Platform) -> None:
    with serving(other) as client:
        for number, who in enumerate(("baker", "brewer", "cook"), 2):
            assert client.post(SEARCH, json=BARLEY).json()["release"] == number - 1
            write(mill, who)
            found = client.post(SEARCH, json=BARLEY).json()
            assert (found["release"], found["passages"][0]["text"]) == (number, f"Mill\n\nThe {who} grinds barley.")
        release.rollback(mill.platform, "main", WHO, "too early", to=1)
        assert client.post(SEARCH, json=BARLEY).json()["release"] == 1
        assert 'penstock_live_release{index="main"} 1.0' in client.get("/metrics").text


def test_a_search_ends_on_the_release_that_it_began_on(mill: Workspace, other: Platform, api: ModelApi) -> None:
    with serving(other) as client:
        meanwhile(api, lambda: write(mill, "baker"))
        found = client.post(SEARCH, json=BARLEY).json()
        assert (found["release"], found["passages"][0]["text"]) == (1, "Mill\n\nThe miller grinds barley.")
        meanwhile(api, lambda: release.rollback(mill.platform, "main", WHO, "too early"))
        found = client.post(SEARCH, json=BARLEY).json()
        assert (found["release"], found["passages"][0]["text"]) == (2, "Mill\n\nThe baker grinds barley.")


def test_a_search_whose_release_is_pruned_begins_again_or_says_so(
    mill: Workspace, other: Platform, api: ModelApi
) -> None:
    with serving(other) as client:
        meanwhile(api, lambda: replace_and_prune(mill))
        found = client.post(SEARCH, json=BARLEY).json()
        assert (found["release"], found["passages"][0]["text"]) == (2, "Mill\n\nThe baker grinds barley.")
        write(mill, "cook")
        meanwhile(api, lambda: maintenance.prune(mill.platform, "main", keep=1))
        gone = client.post(SEARCH, json={**BARLEY, "as_of": 2})
        assert (gone.status_code, gone.json()["type"]) == (410, "urn:penstock:problem:release-pruned")


def test_an_answer_in_the_middle_of_its_stream_outlives_its_release(
    mill: Workspace, other: Platform, api: ModelApi
) -> None:
    def writes(body: dict[str, Any]) -> str:
        replace_and_prune(mill)
        return honest(body)

    api.writes = writes
    with (
        serving(other) as client,
        client.stream("POST", ANSWER, json={"question": "Who grinds barley?", "stream": True}) as said,
    ):
        events = list(events_of(said.iter_lines()))
    assert [name for name, _ in events] == ["reading", "claim", "ended"]
    answer = events[-1][1]
    assert (answer["release"], answer["dropped"]) == (1, {})
    assert [one["text"] for one in answer["quotes"]] == ["The miller grinds barley."]


def test_a_stream_that_is_left_is_kept_as_far_as_it_went(mill: Workspace, other: Platform, api: ModelApi) -> None:
    hold = Event()
    api.faults.extend([Fault(), Fault(hold=hold)])  # the question's vector comes, of the answer one half
    with serving(other) as client:
        with client.stream("POST", ANSWER, json={"question": "Who grinds barley?", "stream": True}) as said:
            assert next(events_of(said.iter_lines()))[0] == "reading"
        hold.set()
    (kept,) = interactions.read(other, "main").to_pylist()
    assert (kept["release"], kept["broken_off"]) == (1, "reader")
