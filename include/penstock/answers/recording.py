"""Answers kept as interactions: written down before the last event leaves, or as far as they went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import structlog

from penstock.answers.pipeline import Claimed, Ended, Event, Reading
from penstock.answers.results import Claim, Quote, text_of
from penstock.errors import ModelError, StoreError, TransientError
from penstock.interactions import recording
from penstock.interactions.recording import Answered, Asker, BrokenOff
from penstock.platform import Platform
from penstock.retrieval import Passage

log = structlog.get_logger("penstock")


def recorded(platform: Platform, events: Iterator[Event], asker: Asker) -> Iterator[Event]:
    """Hand on the events of ``answers.stream``, and keep the answer as an interaction just before ``Ended``.

    ``Ended`` carries its id. Where the catalog cannot take it, the reader is answered all the same: the id is None, and
    the log says why. Whoever stops listening closes this iterator; what was shown until then is kept, as is that of a
    generator that failed. Raises what ``events`` raises.
    """
    keeper = _Keeper(platform, asker if asker.at is not None else replace(asker, at=time.time()))
    try:
        for event in events:
            keeper.note(event)
            yield replace(event, interaction=keeper.keep()) if isinstance(event, Ended) else event
    except GeneratorExit:
        keeper.keep("reader")
        raise
    except ModelError:
        keeper.keep("generator")
        raise
    finally:
        if close := getattr(events, "close", None):
            close()  # the connection to a chat model with it


class _Keeper:
    """One answer as far as it came, written down once."""

    def __init__(self, platform: Platform, asker: Asker) -> None:
        self._platform, self._asker = platform, asker
        self._reading: Reading | None = None
        self._claims: list[Claim] = []
        self._quotes: dict[int, Quote] = {}
        self._ended: Ended | None = None
        self._kept = False

    def note(self, event: Event) -> None:
        match event:
            case Reading():
                self._reading = event
            case Claimed():
                self._claims.append(event.claim)
                self._quotes |= {quote.number: quote for quote in event.quotes}
            case Ended():
                self._ended = event

    def keep(self, broken_off: BrokenOff | None = None) -> str | None:
        """Write down what there is, and return its id; None where the catalog cannot take it."""
        if self._reading is None or self._kept:
            return None
        self._kept = True
        found, answered = self._reading.found, self._answered(self._reading, broken_off)
        timings = {one.name: one.ms for one in self._ended.answer.stages} if self._ended else {}
        try:
            return recording.record(self._platform, found, self._asker, answered, timings)
        except (StoreError, TransientError) as error:
            log.error("an answer is not kept as an interaction", index=found.index, error=str(error))
            return None

    def _answered(self, reading: Reading, broken_off: BrokenOff | None) -> Answered:
        answer = self._ended.answer if self._ended else None
        return Answered(
            text=text_of(self._claims) or None,
            citations=tuple(_citation(reading, quote) for quote in self._quotes.values()),
            refused=answer is not None and answer.refused is not None,
            generator=reading.generator,
            shown=tuple(chunk for passage in reading.passages for chunk in passage.chunks),
            confidence=answer.confidence if answer else None,
            broken_off="generator" if answer and answer.broken_off else broken_off,
        )


def _citation(reading: Reading, quote: Quote) -> recording.Quote:
    chunk = _chunk_of(reading, reading.passages[quote.passage], quote)
    return recording.Quote(quote.document_id, quote.revision, quote.start, quote.end, quote.text, chunk)


def _chunk_of(reading: Reading, passage: Passage, quote: Quote) -> str | None:
    """The hit that a quote begins in; none where it stands in a neighbour that was joined to one."""
    hits = (hit for hit in reading.found.hits if hit.chunk_id in passage.chunks)
    return next((hit.chunk_id for hit in hits if hit.start <= quote.start < hit.end), None)
