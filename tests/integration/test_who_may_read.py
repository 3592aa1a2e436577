"""Invariant 8 under attack: a thousand readers against a simple model, in every release, after rights were taken away.

The model: a reader sees a document where one of the reader's principals, or ``public``, is one of the document's.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from penstock import maintenance, release
from penstock.errors import UsageError
from penstock.index.rules import MODES
from penstock.records import NOBODY, PUBLIC
from penstock.retrieval import search
from support.workspace import WHO, Workspace

N_DOCUMENTS, N_READERS = 32, 1000
LONG = "group:" + "x" * 10_000
LOOK_ALIKES = ["Public", "PUBLIC", "publi\u0441", "public.", "'public'", '["public"]', "Nobody", "n\u043ebody", "null"]
QUOTES = ["group:a'", "group:a''", 'group:"a"', "group:a\\", "group:a\\'", "`group:a`", "group:a,group:b", "group:a b"]
SYNTAX = ["' OR '1'='1", "x')) OR true --", "'); DROP TABLE documents; --", "%", "_", "*", "?", ":x", "$1", "{x}", "/*"]
LETTERS = ["group:a", "group:A", "group:b", "caf\u00e9", "cafe\u0301", "stra\u00dfe", "strasse", "\U0001f9a6", "\u65e5"]
NAMES = [*LOOK_ALIKES, *QUOTES, *SYNTAX, *LETTERS, LONG, LONG + "y", "0", "true"]
STRANGERS = ["", " ", "\x00", "group:a\n", "\ud800", "public ", "never heard of"]
"""What no document can name, but a reader may come with."""


class Model:
    """Key → who may read it, today."""

    def __init__(self, w: Workspace, seed: int) -> None:
        self.w, self.random = w, random.Random(seed)
        self.principals: dict[str, set[str]] = {}

    def set_all(self) -> None:
        for number in range(N_DOCUMENTS):
            key = f"page-{number:02}.md"
            self.principals[key] = self._some()
            self.w.allow(key, sorted(self.principals[key]))

    def _some(self) -> set[str]:
        kind = self.random.random()
        if kind < 0.1:
            return {NOBODY}
        names = set(self.random.sample(NAMES, self.random.randint(1, 4)))
        return names | {PUBLIC} if kind < 0.2 else names

    def reader(self) -> tuple[str, ...]:
        known = self.random.sample(NAMES, self.random.choice((0, 1, 1, 2, 3, 8, len(NAMES))))
        return tuple(known + self.random.sample(STRANGERS, self.random.choice((0, 0, 1))))

    def sees(self, reader: tuple[str, ...]) -> set[str]:
        return {key for key, names in self.principals.items() if names & {*reader, PUBLIC}}


@pytest.fixture
def model(make_workspace: Callable[..., Workspace]) -> Model:
    """Two releases; then everybody's rights were dealt anew, and the index was rolled back to the first."""
    made = Model(make_workspace(), seed=8)
    for edition in (1, 2):
        for number in range(N_DOCUMENTS):
            made.w.write(f"page-{number:02}.md", f"# Page {number}\n\nThe river of edition {edition}, page {number}.\n")
        made.set_all()
        assert made.w.sync().release == edition
    made.set_all()
    assert made.w.sync().counts["access_changed"] > N_DOCUMENTS / 2
    assert release.rollback(made.w.platform, "main", WHO, "back to the first").live == 1
    return made


def test_a_thousand_readers_see_what_they_may_and_all_of_it(model: Model) -> None:
    assert maintenance.verify(model.w.platform, "main") == []
    seen = 0
    for number in range(N_READERS):
        reader, as_of = model.reader(), (None, 1, 2)[number % 3]
        mode = MODES[number // 3 % len(MODES)]
        found = search(model.w.platform, "main", "river", as_of, reader, k=2 * N_DOCUMENTS, mode=mode)
        assert found.release == (as_of or 1)
        assert {hit.key for hit in found.hits} == model.sees(reader), (as_of, mode, reader)
        seen += len(found.hits)
    assert N_READERS < seen < N_READERS * N_DOCUMENTS / 2


def test_nobody_is_asked_for_in_vain(model: Model) -> None:
    with pytest.raises(UsageError, match="'nobody' is not a reader"):
        model.w.found("river", principals=(NOBODY, "group:a"))
    assert not [key for key, names in model.principals.items() if NOBODY in names and key in model.w.found("river")]


def test_each_name_alone_opens_what_it_names(model: Model) -> None:
    """Also those that a comparison without care takes for one another: case, accents, quotes, one letter more."""
    for name in NAMES:
        mine = {hit.key for hit in search(model.w.platform, "main", "river", principals=(name,), k=100).hits}
        assert mine == model.sees((name,)), name
