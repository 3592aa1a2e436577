"""Keys and tokens over real HTTP: who is let in as whom, and whose an interaction is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from penstock import feedback, interactions
from penstock.credentials import keys
from penstock.service_settings import ServiceSettings
from support.issuer import PATH, Issuer
from support.s3_proxy import Answer
from support.service import serving
from support.web import WebServer
from support.workspace import WHO, Workspace

SEARCH, ANSWER, FEEDBACK = "/v1/indexes/main/search", "/v1/indexes/main/answer", "/v1/feedback"
HR, IT = "group:hr", "group:it"
KEYS = {
    "intranet": (HR, IT),
    "short-lived": (HR,),
    "shop": (HR,),
    "stall": (HR, IT),
    "kiosk": (HR,),
    "desk": (HR,),
}
"""By name what they give; made before the service starts, as it may take a second to know of a new one."""
UNKNOWN = "urn:penstock:problem:unknown-interaction"


@dataclass
class Town:
    """A running service: the mill is public, what ``group:hr`` may read is called pay, ``group:it`` has the keys."""

    w: Workspace
    client: httpx.Client
    issuer: Issuer
    keys: dict[str, str]

    def token(self, subject: str, *groups: str) -> str:
        return self.issuer.token("k1", sub=subject, groups=list(groups))

    def post(self, path: str, body: dict[str, Any], credential: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        return self.client.post(path, json=body, headers=headers)

    def search(self, credential: str | None = None, **body: Any) -> Any:
        said = self.post(SEARCH, {"query": "what does the miller earn", "k": 20, **body}, credential)
        assert said.status_code == 200, said.text
        return said.json()

    def rated(self, interaction: str, credential: str | None = None, **body: Any) -> httpx.Response:
        return self.post(FEEDBACK, {"interaction": interaction, "kind": "rating", "value": 1, **body}, credential)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, pools: Any) -> Iterator[Town]:
    with ExitStack() as stack:
        issuer = Issuer(stack.enter_context(WebServer.serve()))
        issuer.new_key("k1")
        issuer.publish()
        w = Workspace(tmp_path_factory.mktemp("town"), pools)
        w.settings = w.settings.model_copy(update={"service": ServiceSettings(jwt=issuer.settings())})
        w.platform = w.open()
        stack.callback(w.platform.close)
        w.write("mill.md", "# Mill\n\nThe miller grinds barley.\n")
        w.write("pay.md", "# Pay\n\nThe miller earns eleven crowns.\n")
        w.write("keys.md", "# Keys\n\nThe keys hang in the porch.\n")
        w.allow("pay.md", ["group:hr"])
        w.allow("keys.md", ["group:it"])
        w.sync()
        made = {name: keys.create(w.platform, WHO, name, gives)["key"] for name, gives in KEYS.items()}
        yield Town(w, stack.enter_context(serving(w.platform)), issuer, made)


def shown(found: dict[str, Any]) -> set[str]:
    return {hit["key"] for hit in found["hits"]}


def hit_of(found: dict[str, Any], key: str) -> str:
    return str(next(hit["chunk_id"] for hit in found["hits"] if hit["key"] == key))


def test_each_sees_what_their_credential_gives(town: Town) -> None:
    assert shown(town.search()) == {"mill.md"}
    assert shown(town.search(town.token("ann", "hr"))) == {"mill.md", "pay.md"}
    assert shown(town.search(town.token("bob"))) == {"mill.md"}
    key = town.keys["intranet"]
    assert shown(town.search(key)) == {"mill.md", "pay.md", "keys.md"}
    assert shown(town.search(key, principals=["group:it"])) == {"mill.md", "keys.md"}
    for refused in (
        town.post(SEARCH, {"query": "x", "principals": ["group:hr"]}),
        town.post(ANSWER, {"question": "x", "principals": ["group:it"]}, town.token("ann", "hr")),
    ):
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:penstock:problem:forbidden")


def test_a_credential_that_opens_nothing_is_told_so_by_every_route(town: Town) -> None:
    expired = town.issuer.token("k1", exp=1)
    asked = [
        town.post(SEARCH, {"query": "x"}, expired),
        town.post(ANSWER, {"question": "x", "stream": True}, expired),
        town.post(FEEDBACK, {"interaction": "x", "kind": "rating", "value": 1}, expired),
        *(
            town.client.get(path, headers={"Authorization": f"Bearer {expired}"})
            for path in ("/v1/indexes", "/v1/indexes/main/releases", "/v1/nothing/here")
        ),
    ]
    for said in asked:
        assert (said.status_code, said.headers["www-authenticate"]) == (401, "Bearer")
        assert said.json()["detail"] == "the token expired; get a new one"
    for path in ("/healthz", "/openapi.json", "/"):
        assert town.client.get(path, headers={"Authorization": f"Bearer {expired}"}).status_code != 401


def test_a_revoked_key_is_refused_while_the_service_runs(town: Town) -> None:
    key = town.keys["short-lived"]
    assert shown(town.search(key)) == {"mill.md", "pay.md"}
    keys.revoke(town.w.platform, WHO, key.split("_")[1], "its holder left")
    time.sleep(1.0)
    refused = town.post(SEARCH, {"query": "x"}, key)
    assert (refused.status_code, "was revoked on" in refused.json()["detail"]) == (401, True)


def test_an_issuer_that_is_away_makes_nobody_a_stranger(town: Town) -> None:
    town.issuer.server.play(lambda _request, _forward: Answer(500, {}, b""), PATH)
    with serving(town.w.open()) as client:
        headers = {"Authorization": f"Bearer {town.token('ann')}"}
        said = client.post(SEARCH, json={"query": "x"}, headers=headers)
        assert (said.status_code, said.headers["retry-after"]) == (503, "5")
        assert said.json()["title"] == "A part of the service is busy or away"
        assert client.post(SEARCH, json={"query": "x"}).status_code == 200
    town.issuer.server.behave()


def test_whose_an_interaction_is(town: Town) -> None:
    """With another's id one learns no more than with an invented one, and says nothing."""
    key, other = town.keys["shop"], town.keys["stall"]
    credentials = {"key": key, "other": other, "ann": town.token("ann", "hr"), "bob": town.token("bob", "hr"), "": None}
    for mine, credential in credentials.items():
        found = town.search(credential)
        for theirs, stranger in credentials.items():
            said = town.rated(found["interaction"], stranger)
            assert said.status_code == (201 if mine == theirs else 404), (mine, theirs)
            if said.status_code == 404:
                invented = town.rated("0" * 32, stranger).json()
                mended = said.json()["detail"].replace(found["interaction"], "0" * 32)
                assert (said.json()["type"], mended) == (UNKNOWN, invented["detail"])
                for body in ({"kind": "copied"}, {"kind": "right-passage", "span": {"text": "eleven"}}):
                    tried = {"value": None, "passage": hit_of(found, "mill.md"), **body}
                    assert town.rated(found["interaction"], stranger, **tried).json()["type"] == UNKNOWN
    renewed = town.token("ann", "it")
    assert town.rated(town.search(credentials["ann"])["interaction"], renewed).status_code == 201


def test_a_key_that_takes_over_goes_on_with_what_was_asked(town: Town) -> None:
    first = town.keys["kiosk"]
    asked = town.search(first)["interaction"]
    keys.revoke(town.w.platform, WHO, first.split("_")[1], "once a year", in_days=1)
    second = keys.create(town.w.platform, WHO, "kiosk", [HR])["key"]
    time.sleep(1.0)
    assert town.rated(asked, second).status_code == 201
    assert town.rated(asked, first).status_code == 201


def test_people_are_kept_by_who_named_them_and_are_erased_by_that(town: Town) -> None:
    key = town.keys["desk"]
    town.search(key, person="ann")
    town.search(key)
    town.search(town.token("ann", "hr"))
    town.search(None, person="ann")
    refused = town.post(SEARCH, {"query": "x", "person": "bob"}, town.token("ann", "hr"))
    assert refused.json()["detail"] == "a token says itself who is asking; leave `person` out"
    kept = {one["person"] for one in interactions.read(town.w.platform, "main").to_pylist()}
    for person in ("desk:ann", "desk", "ann", "anonymous:ann"):
        assert town.w.platform.recorder.digests.person(person) in kept
    assert interactions.erase(town.w.platform, WHO, "asked to", person="desk:ann")["interactions_erased"] == 1


def test_feedback_names_what_its_giver_may_read_today(town: Town) -> None:
    """Also of what was shown: a right that was taken away since cannot be got back by spelling the passage out."""
    ann = town.token("ann", "hr")
    found = town.search(ann)
    pay, mill = hit_of(found, "pay.md"), hit_of(found, "mill.md")
    right = {"kind": "right-passage", "value": None}
    assert town.rated(found["interaction"], ann, passage=pay).status_code == 201
    assert town.rated(found["interaction"], ann, **right, passage=pay, span={"text": "eleven"}).status_code == 201
    hidden = town.rated(found["interaction"], ann, **right, passage="docs:keys.md").json()
    invented = town.rated(found["interaction"], ann, **right, passage="docs:kexs.md").json()
    assert hidden["detail"] == invented["detail"].replace("kexs", "keys")
    town.w.allow("pay.md", ["group:it"])
    town.w.sync()
    try:
        for name in (pay, "pay.md", "docs:pay.md"):
            for said in (
                {"passage": name},
                {**right, "passage": name},
                {**right, "passage": name, "span": {"text": "eleven"}},
            ):
                refused = town.rated(found["interaction"], ann, **said)
                assert refused.status_code == 400, refused.text
                assert "was not shown" not in refused.json()["detail"]
        other = town.rated(found["interaction"], ann, passage="bread.md")
        assert pay not in other.text
        assert town.rated(found["interaction"], ann, passage=mill).status_code == 201
        assert town.rated(found["interaction"], ann).status_code == 201
    finally:
        town.w.allow("pay.md", ["group:hr"])
        town.w.sync()
    assert {one["chunk_id"] for one in feedback.read(town.w.platform, "main").to_pylist()} >= {pay, mill, None}
