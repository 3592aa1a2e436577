"""Invariant 8 through everything that a reader is shown: hits, their duplicates, passages, traces, answers, problems.

A thousand sets of principals in the long run; a few over HTTP, with keys, where nothing else says who asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from penstock import answers
from penstock.credentials import keys
from penstock.index.rules import MODES
from penstock.platform import Platform
from penstock.retrieval import search
from penstock.settings import AnswerSettings, RetrievalSettings
from support.library import GROUPS, N_DOCUMENTS, Library, without_the_question
from support.service import serving
from support.weaviate_server import emptied_afterwards, require_weaviate
from support.workspace import WHO, Workspace

COLLAPSING = RetrievalSettings(collapse=True, alike=0.8, neighbours=2)


@pytest.fixture(scope="module", params=["lancedb", "weaviate"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, pools: Any) -> Iterator[Library]:
    """One for all tests of a store: none asks what the one before left."""
    with ExitStack() as stack:
        options: dict[str, Any] = {}
        if request.param == "weaviate":
            settings = stack.enter_context(emptied_afterwards(require_weaviate()))
            options = {"store": {"index": "weaviate"}, "weaviate": settings}
        w = Workspace(tmp_path_factory.mktemp("library"), pools, **options)
        w.change_index(retrieval=COLLAPSING, answer=AnswerSettings(min_confidence=0.0))
        stack.callback(w.platform.close)
        made = Library(w)
        made.fill()
        yield made


def ask_as_many(library: Library, sets: int, deals: int) -> None:
    """Search and ask as so many readers; rights are dealt anew in between."""
    seen, gathered, joined = 0, 0, 0
    for number in range(sets):
        if number and number % (sets // (deals + 1)) == 0:
            library.deal(library.random.sample(range(N_DOCUMENTS), N_DOCUMENTS // 3))
        reader, question = library.reader(), library.question()
        mode, k = MODES[number % len(MODES)], library.random.choice((1, 4, 20))
        found = search(library.w.platform, "main", **question, principals=reader, k=k, mode=mode)
        answered = answers.ask(library.w.platform, "main", question["text"], as_of=question["as_of"], principals=reader)
        forbidden = library.forbidden(reader)
        for shown in (found.to_dict(), answered.to_dict()):
            standing = library.found_in(without_the_question(shown))
            assert not standing & forbidden, (reader, question, mode, k)
            seen += len(standing)
        gathered += sum(len(hit.also) for hit in found.hits)
        joined += sum(len(passage.chunks) > 1 for passage in found.passages)
    assert seen > 2 * sets, "what is looked for is what responses hold"
    assert min(gathered, joined) > 0, "duplicates were collapsed, and chunks joined"


def test_nothing_of_what_a_reader_may_not_see_is_in_any_answer(library: Library) -> None:
    ask_as_many(library, sets=150, deals=2)


@pytest.mark.long
def test_a_thousand_readers_are_shown_nothing_that_they_may_not_see(library: Library) -> None:
    ask_as_many(library, sets=1000, deals=12)


@pytest.mark.parametrize("library", ["lancedb"], indirect=True)
def test_a_key_is_shown_what_it_gives_whatever_it_asks_for(library: Library) -> None:
    """Over HTTP: a narrower reader where it asks for less, and nothing but a problem where it asks for more."""
    platform = library.w.platform
    gives = [tuple(library.random.sample(GROUPS, number % 3)) for number in range(6)]
    made = [key_of(platform, number, given) for number, given in enumerate(gives)]
    with serving(platform) as client:
        for key, given in zip(made, gives, strict=True):
            asked = Asked(client, library, key, given)
            for body in ({}, {"principals": list(given[:1])}, {"principals": []}):
                asked.all(body)
            asked.refused()


def key_of(platform: Platform, number: int, given: tuple[str, ...]) -> str | None:
    return keys.create(platform, WHO, f"key{number}", given)["key"] if given else None


class Asked:
    """One caller's requests; each response is held against what its credential may see."""

    def __init__(self, client: Any, library: Library, key: str | None, given: tuple[str, ...]) -> None:
        self.client, self.library, self.given = client, library, given
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def all(self, body: dict[str, Any]) -> None:
        question = self.library.question()
        asked = {**body, **({"as_of": question["as_of"]} if question["as_of"] else {})}
        reader = self.given if "principals" not in body else tuple(body["principals"])
        found = self.post("search", {**asked, "query": question["text"], "explain": True})
        whole = self.post("answer", {**asked, "question": question["text"]})
        streamed = self.post("answer", {**asked, "question": question["text"], "stream": True})
        for said in (without_the_question(found.json()), without_the_question(whole.json())):
            assert not self.library.found_in(said) & self.library.forbidden(reader)
        assert found.json()["hits"] or len(self.library.forbidden(reader)) == N_DOCUMENTS
        said = streamed.text.replace(question["text"], "")
        assert "event: ended" in said
        assert not self.library.found_in(said) & self.library.forbidden(reader)

    def refused(self) -> None:
        """Nobody names principals that their credential does not give: by body, query, header or another field."""
        body = {"query": "river mill", "k": 100}
        more = next(name for name in GROUPS if name not in self.given)
        refused = self.post("search", {**body, "principals": [*self.given, more]}, 403)
        assert refused.json()["type"] == "urn:penstock:problem:forbidden"
        assert refused.json()["detail"].startswith(f"this credential does not give the principal {more!r}; ")
        self.post("search", {**body, "principals": ["nobody"]}, 403)
        self.post("search", {**body, "principal": more}, 422)
        self.post("search", {**body, "groups": [more]}, 422)
        names = {"X-Principals": more, "Principals": more, "X-Forwarded-Groups": more, "X-Forwarded-User": "admin"}
        plain = self.post("search", body).json()["hits"]
        for options in ({"params": {"principals": more}}, {"headers": {**self.headers, **names}}):
            assert self.post("search", body, **options).json()["hits"] == plain

    def post(self, route: str, body: dict[str, Any], status: int = 200, **options: Any) -> Any:
        said = self.client.post(f"/v1/indexes/main/{route}", json=body, **{"headers": self.headers, **options})
        assert said.status_code == status, said.text
        return said
