"""An answer as server-sent events: ``reading``, a ``claim`` each, then ``ended`` or ``problem``.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Send

from penstock.answers import Claimed, Ended, Event, Reading
from penstock.service import problems
from penstock.service.models import AnswerResponse, ClaimEvent, ReadingEvent


class EventStream(StreamingResponse):
    """Closes its blocks when the reader leaves, however that comes to be known."""

    media_type = "text/event-stream"

    def __init__(self, blocks: Generator[bytes]) -> None:
        super().__init__(blocks, headers={"X-Accel-Buffering": "no"})  # nginx would hold the events back
        self._blocks = blocks

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._blocks.close)


def blocks(first: Reading, events: Iterator[Event], instance: str, ended: Callable[[Ended], None]) -> Generator[bytes]:
    """The events as they are sent. Whatever goes wrong after the head was sent is an event too."""
    try:
        yield _block("reading", _reading(first))
        for event in events:
            match event:
                case Claimed():
                    yield _block(
                        "claim", ClaimEvent.model_construct(claim=event.claim, quotes=event.quotes).json_bytes()
                    )
                case Ended():
                    ended(event)
                    yield _block("ended", AnswerResponse.of(event.answer, event.interaction).json_bytes())
    except Exception as error:  # noqa: BLE001 - the status has been sent: this is the only way left to say it
        problem = problems.of_error(error, instance)
        yield _block("problem", problem.model_dump_json(exclude_none=True).encode())
    finally:
        events.close()  # type: ignore[attr-defined]


def _reading(event: Reading) -> bytes:
    found = event.found
    return ReadingEvent.model_construct(interaction=None, release=found.release, passages=event.passages).json_bytes()


def _block(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
