"""The limits on a real socket: what a client sees that sends too much, asks too often, or waits too long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock.credential_settings import LimitSettings
from penstock.credentials import keys
from penstock.service_settings import ServiceSettings
from support.service import serving
from support.workspace import WHO, Workspace

SEARCH = "/v1/indexes/main/search"


@pytest.fixture
def limited(workspace: Workspace) -> Callable[..., Any]:
    """The service under these limits, over one document."""
    workspace.write("mill.md", "# Mill\n\nThe miller grinds barley in the old mill.\n")
    workspace.sync()

    def start(**limits: Any) -> Any:
        service = ServiceSettings(limits=LimitSettings(**limits))
        workspace.settings = workspace.settings.model_copy(update={"service": service})
        workspace.platform = workspace.open()
        return serving(workspace.platform)

    return start


def pieces(size: int) -> Iterator[bytes]:
    yield from (b" " * 65_536 for _ in range(size // 65_536))


def test_who_sends_too_much_is_told_so_and_others_are_served(limited: Callable[..., Any]) -> None:
    json = {"Content-Type": "application/json"}
    with limited() as client:
        for body in (b" " * 300_000, pieces(300_000 * 2), pieces(1_000_000)):
            said = client.post(SEARCH, content=body, headers=json)
            assert (said.status_code, said.json()["type"]) == (413, "urn:penstock:problem:too-large")
            assert said.json()["detail"] == "a request may have 262,144 bytes; send less"
            assert said.json()["instance"].startswith("urn:uuid:")
        assert client.post(SEARCH, json={"query": "barley"}).status_code == 200


def test_each_caller_has_a_rate_of_its_own(limited: Callable[..., Any], workspace: Workspace) -> None:
    made = [keys.create(workspace.platform, WHO, name, ["group:a"])["key"] for name in ("one", "two")]
    with limited(requests_per_minute=2) as client:
        for headers in ({}, *({"Authorization": f"Bearer {key}"} for key in made)):
            asked = [client.post(SEARCH, json={"query": "barley"}, headers=headers) for _ in range(3)]
            assert [one.status_code for one in asked] == [200, 200, 429]
            assert 0 < int(asked[-1].headers["retry-after"]) <= 60
        assert client.get("/healthz").status_code == 200
        figures = client.get("/metrics").text
    assert 'route="/v1/indexes/{index}/search",status="429"' in figures
