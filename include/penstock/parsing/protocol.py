"""Frames between the pool and a child: a JSON header and a body of bytes, both length-prefixed."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from collections.abc import Callable
from typing import Any

LENGTHS = struct.Struct(">IQ")
READ_SIZE = 1 << 20
MAX_HEADER_BYTES = 1 << 20
LOOK_EVERY_S = 0.1

Look = Callable[[], None]
"""Called while nothing comes, to see whether waiting still makes sense; it raises where it does not."""


class BrokenFrame(Exception):  # noqa: N818 - the other end is gone or talks nonsense
    """The other end closed its pipe, or sent what is no frame."""


class FrameTooLarge(Exception):  # noqa: N818
    """The frame announces a body above the limit."""


def write_frame(
    fd: int, header: dict[str, Any], body: bytes = b"", deadline: float | None = None, look: Look | None = None
) -> None:
    """Write one frame. With a ``deadline`` (``time.monotonic``) ``fd`` must be non-blocking; raises ``TimeoutError``.

    Raises ``BrokenPipeError`` where nobody reads.
    """
    head = json.dumps(header).encode()
    for part in (LENGTHS.pack(len(head), len(body)) + head, body):
        rest = memoryview(part)
        while rest:
            _wait(fd, select.POLLOUT, deadline, look)
            try:
                rest = rest[os.write(fd, rest) :]
            except BlockingIOError:
                continue


def read_frame(
    fd: int, max_body: int, deadline: float | None = None, look: Look | None = None
) -> tuple[dict[str, Any], bytes]:
    """Read one frame. Raises ``BrokenFrame``, ``FrameTooLarge``, ``TimeoutError``, or what ``look`` raises."""
    head_size, body_size = LENGTHS.unpack(_read(fd, LENGTHS.size, deadline, look))
    if head_size > MAX_HEADER_BYTES:
        raise BrokenFrame
    if body_size > max_body:
        raise FrameTooLarge
    try:
        header = json.loads(_read(fd, head_size, deadline, look))
    except (ValueError, RecursionError):
        raise BrokenFrame from None
    if not isinstance(header, dict):
        raise BrokenFrame
    return header, _read(fd, body_size, deadline, look)


def _read(fd: int, size: int, deadline: float | None, look: Look | None) -> bytes:
    parts = []
    while size:
        _wait(fd, select.POLLIN, deadline, look)
        part = os.read(fd, min(size, READ_SIZE))
        if not part:
            raise BrokenFrame
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _wait(fd: int, event: int, deadline: float | None, look: Look | None) -> None:
    """Return when ``fd`` is ready (or its other end is gone, which the read or write will notice)."""
    if deadline is None:
        return
    poller = select.poll()
    poller.register(fd, event)
    while not poller.poll(min(max(0.0, deadline - time.monotonic()), LOOK_EVERY_S) * 1000):
        if time.monotonic() >= deadline:
            raise TimeoutError
        if look:
            look()
