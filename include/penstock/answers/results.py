"""An answer: claims, the quotes that they rest on, each at its exact place, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from penstock.retrieval import Passage
from penstock.retrieval.trace import Stage

NO_SOURCE = "[no source]"
"""What stands behind a claim that no source supports, wherever an answer is read as a text."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A piece of a document that claims rest on; ``number`` is how the answer refers to it, from 1.

    ``text`` is the parsed text of ``revision`` (SHA-256 of the bytes) from ``start`` to ``end``, compared with what is
    stored. ``passage`` is the place of its passage in ``Answer.passages``, from 0.
    """

    number: int
    text: str
    passage: int
    document_id: str
    source: str
    key: str
    title: str
    headings: tuple[str, ...]
    page: int | None
    revision: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of an answer, and the numbers of its quotes. ``unsupported``: none of them held.

    ``text`` is the statement alone.
    """

    text: str
    quotes: tuple[int, ...]
    unsupported: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered from one release.

    ``refused`` says why there is no answer: nothing found, too little confidence, or a generator that found none in
    the passages; None where there is one. ``confidence`` is the calibrated chance that the index holds the answer,
    ``needed`` what is asked of it. ``generator`` is what was asked for claims; None where the question was refused
    before. ``text`` marks those that no source supports. ``dropped`` counts quotes that were left out, by reason, and
    sentences beside the claims. ``broken_off`` is what went wrong after the claims that there are, ``where`` the
    filter.
    """

    index: str
    release: int
    question: str
    claims: tuple[Claim, ...]
    quotes: tuple[Quote, ...]
    passages: tuple[Passage, ...]
    generator: str | None
    refused: str | None
    confidence: float
    needed: float
    dropped: Mapping[str, int]
    broken_off: str | None
    stages: tuple[Stage, ...]
    where: str | None = None

    @property
    def text(self) -> str:
        return text_of(self.claims)

    def to_dict(self) -> dict[str, Any]:
        """Plain data. ``refused`` is true or false there, and its reason stands in ``reason``."""
        return {**asdict(self), "refused": self.refused is not None, "reason": self.refused, "text": self.text}


def text_of(claims: Iterable[Claim]) -> str:
    """Claims as one text.

    >>> text_of([Claim("It is paid £240.", (1,), unsupported=False), Claim("It is gold.", (), unsupported=True)])
    'It is paid £240. It is gold. [no source]'
    """
    return " ".join(f"{one.text} {NO_SOURCE}" if one.unsupported else one.text for one in claims)


def without_marks(text: str) -> str:
    """The words of a text as ``text_of`` makes it, without what it says of them.

    >>> without_marks("It is gold. [no source] It is paid £240.")
    'It is gold. It is paid £240.'
    """
    return text.replace(f" {NO_SOURCE}", "")
