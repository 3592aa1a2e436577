"""Documents of which each says who it is wherever it can, so that whatever leaks of one is found by its name."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from penstock.records import NOBODY, PUBLIC
from support.workspace import Workspace

N_DOCUMENTS, EDITIONS = 18, (1, 2)
GROUPS = tuple(f"group:{name}" for name in "abcdef")
STRANGERS = ("group:A", "group", "group:a ", "", "Public", "' OR '1'='1", "group:a,group:b", "\x00", "*")
"""What no document names, but a reader may come with."""
WORDS = "river weir mill sluice barge lock ferry eel heron reed silt flood dam jetty oar tide rope keel".split()  # noqa: SIM905
ECHOED = ("query", "question")


def mark(number: int, edition: int) -> str:
    """A word that stands in one edition of one document and nowhere else."""
    return f"zq{number:02}xk{edition}"


@dataclass
class Library:
    """A workspace full of such documents, and who may read each of them today.

    Every third document is nearly the same as its neighbours, so that they are collapsed into one hit; each has
    sections of several chunks, so that passages are joined of what stands around a hit.
    """

    w: Workspace
    seed: int = 8
    principals: dict[int, set[str]] = field(default_factory=dict)
    names: dict[int, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def fill(self) -> None:
        """Publish both editions, the rights dealt anew with each, and learn the ids that there are of each document."""
        for edition in EDITIONS:
            for number in range(N_DOCUMENTS):
                self.w.write(self._key(number), self._text(number, edition))
            self.deal(range(N_DOCUMENTS))
        for number in range(N_DOCUMENTS):
            self.names[number] = {self._key(number), f"Title {number:02}", *(mark(number, one) for one in EDITIONS)}
        self._learn_ids()

    def deal(self, numbers: Iterable[int]) -> None:
        """Say anew who may read these documents, and sync."""
        for number in numbers:
            self.principals[number] = self._some()
            said = {"principals": sorted(self.principals[number]), "fields": {"team": mark(number, 1)}}
            (self.w.folder / f"{self._key(number)}.access.json").write_text(json.dumps(said))
        self.w.sync()

    def reader(self) -> tuple[str, ...]:
        some = self.random.sample(GROUPS, self.random.choice((0, 1, 1, 2, 3)))
        return (*some, *self.random.sample(STRANGERS, self.random.choice((0, 0, 1))))

    def question(self) -> dict[str, Any]:
        """Its words name a document, as one asks who knows what to look for."""
        number = self.random.randrange(N_DOCUMENTS)
        words = [*self.random.sample(WORDS, 3), mark(number, self.random.choice(EDITIONS))]
        return {"text": " ".join(words), "as_of": self.random.choice((None, *EDITIONS))}

    def forbidden(self, reader: Iterable[str]) -> set[int]:
        allowed = {*reader, PUBLIC}
        return {number for number, names in self.principals.items() if not names & allowed}

    def found_in(self, text: str) -> set[int]:
        """The documents of which something stands in a text."""
        return {number for number, names in self.names.items() if any(name in text for name in names)}

    def _some(self) -> set[str]:
        kind = self.random.random()
        return {NOBODY} if kind < 0.1 else {PUBLIC} if kind < 0.2 else set(self.random.sample(GROUPS, 2))

    def _key(self, number: int) -> str:
        return f"shelf/zk{number:02}.md"

    def _text(self, number: int, edition: int) -> str:
        words = random.Random(number // 3)  # what is nearly the same is made of the same words
        name, sections = mark(number, edition), []
        for section in range(2):
            sentences = [f"The {' '.join(words.choices(WORDS, k=9))} is here." for _ in range(24)]
            sections.append(f"## Part {section}\n\n{name} begins. {' '.join(sentences)}\n")
        return f"# Title {number:02}\n\n{''.join(sections)}"

    def _learn_ids(self) -> None:
        for _generation, collection in self.w.platform.collections("main"):
            for row in (row for edition in EDITIONS for row in collection.rows(edition)):
                self.names[int(row.key[-5:-3])] |= {row.id, row.document_id}


def without_the_question(answer: Mapping[str, Any]) -> str:
    """All that is answered, as JSON, but for the words that the reader brought."""
    return json.dumps({name: value for name, value in answer.items() if name not in ECHOED}, ensure_ascii=False)
