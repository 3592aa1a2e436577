"""One answered question as it is kept: what was asked, by whom, what was put forward, shown and answered."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

from penstock.platform import Platform
from penstock.records import PUBLIC
from penstock.retrieval.results import Candidate, Found

LIVE, IMPORTED = "live", "import"
MAX_QUERY_CHARS = 10_000
MAX_ANSWER_CHARS = 100_000
BrokenOff = Literal["generator", "reader"]
_UNSTORABLE = {0: "\ufffd"} | dict.fromkeys(range(0xD800, 0xE000), "\ufffd")
"""No catalog keeps U+0000, nor half of a character."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked: as which reader, and where it is known, which person in which session. Kept as digests only.

    ``owner`` is whose credential it was (``credentials.Caller.owner``): none where no service asked for one. ``at`` is
    when the asking began, in seconds since 1970: whoever is erased later is forgotten with it. Without it that is when
    it is recorded.
    """

    principals: tuple[str, ...] = ()
    person: str | None = None
    session: str | None = None
    owner: str | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A citation of an answer: the exact span of a revision, in characters of its parsed text, and its words."""

    document_id: str
    revision: str
    start: int
    end: int
    text: str
    chunk_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer said: its words (none where it was refused), what it cites, and who made it.

    ``shown`` are the chunks that it rests on, in order; left out, all that were found. ``confidence`` is the chance,
    0 to 1, that the index holds an answer. ``broken_off`` says by whom one was that did not come to its end.
    """

    text: str | None
    citations: tuple[Quote, ...] = ()
    refused: bool = False
    generator: str | None = None
    shown: tuple[str, ...] | None = None
    confidence: float | None = None
    broken_off: BrokenOff | None = None


def record(
    platform: Platform,
    found: Found,
    asker: Asker | None = None,
    answer: Answered | None = None,
    timings: Mapping[str, float] | None = None,
) -> str:
    """Write an interaction down and return its id, which the reader gets to say something of it with.

    When this returns, the interaction outlives this process and a power cut; that of a person or session erased since
    ``asker.at`` is not kept. ``timings`` are milliseconds of what came
    after the search. What is kept of the words is ``[interactions]``'s to say. Raises ``StoreError`` or
    ``TransientError`` where the catalog cannot take it; whether the reader is answered all the same is the caller's.
    """
    asker, keep, digests = asker or Asker(), platform.settings.interactions, platform.recorder.digests
    now = time.time()
    shown = _shown(found, answer)
    texts = keep.keep_answers and answer is not None
    row: dict[str, Any] = {
        "id": digests.of("interaction", found.index, found.query, str(time.time_ns()), *_where_we_are()),
        "index_name": found.index,
        "release": found.release,
        "at": now if asker.at is None else asker.at,
        "recorded_at": now,
        "origin": LIVE,
        "query": storable(found.query, MAX_QUERY_CHARS) if keep.keep_queries else None,
        "query_digest": digests.question(found.query),
        "principals": digests.of("principals", *sorted({PUBLIC, *asker.principals})),
        "person": digests.person(asker.person),
        "session": digests.session(asker.session),
        "setup": {**asdict(found.setup), **_made(answer), "where": _where(found) if keep.keep_queries else None},
        "candidates": [_candidate(one) for one in found.candidates],
        "shown": shown,
        "answer": storable(answer.text, MAX_ANSWER_CHARS) if texts and answer and answer.text else None,
        "citations": [_citation(one, texts) for one in answer.citations] if answer else [],
        "refused": answer.refused if answer else None,
        "timings": {**{stage.name: stage.ms for stage in found.stages}, **(timings or {})},
        "redacted": False,
        "asked_with": digests.owner(asker.owner),
    }
    platform.recorder.write(row)
    return str(row["id"])


def storable(text: str, max_chars: int) -> str:
    """A text as every catalog can keep it: of at most so many characters, the last then an ellipsis.

    >>> storable("a\\0b", 5), storable("the mill", 4)
    ('a\ufffdb', 'the…')
    """
    whole = text if len(text) <= max_chars else text[: max_chars - 1] + "…"
    return whole.translate(_UNSTORABLE)


def _shown(found: Found, answer: Answered | None) -> list[tuple[str, str]]:
    documents = {hit.chunk_id: hit.document_id for hit in found.hits}
    chunks = documents if answer is None or answer.shown is None else answer.shown
    return [(chunk, documents[chunk]) for chunk in chunks]


def _where(found: Found) -> str | None:
    return None if found.setup.where is None else storable(found.setup.where, MAX_QUERY_CHARS)


def _made(answer: Answered | None) -> dict[str, Any]:
    names = ("generator", "confidence", "broken_off")
    return {name: getattr(answer, name) if answer else None for name in names}


def _candidate(one: Candidate) -> list[str | float | None]:
    return [one.chunk_id, *map(_figure, (one.score, one.scores.get("text"), one.scores.get("vector")))]


def _figure(value: float | None) -> float | None:
    """A score to six digits: what PostgreSQL's JSON takes, and no longer than it says something."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _citation(one: Quote, with_words: bool) -> dict[str, Any]:
    place = {"chunk": one.chunk_id, "document": one.document_id, "revision": one.revision}
    quote = storable(one.text, MAX_ANSWER_CHARS) if with_words else None
    return {**place, "start": one.start, "end": one.end, "quote": quote}


def _where_we_are() -> Sequence[str]:
    """What tells two equal questions of one moment apart."""
    return (_host(), str(os.getpid()), str(threading.get_ident()))


@cache
def _host() -> str:
    return socket.gethostname()
