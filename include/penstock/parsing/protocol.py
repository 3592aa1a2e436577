"""Frames between the pool and a child: a JSON header and a body of bytes, both length-prefixed."""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import Any

LENGTHS = struct.Struct(">IQ")
READ_SIZE = 1 << 20
MAX_HEADER_BYTES = 1 << 20


class BrokenFrame(Exception):  # noqa: N818 - the other end is gone or talks nonsense
    """The other end closed its pipe, or sent what is no frame."""


class FrameTooLarge(Exception):  # noqa: N818
    """The frame announces a body above the limit."""


def write_frame(fd: int, header: dict[str, Any], body: bytes = b"", deadline: float | None = None) -> None:
    """Write one frame. With a ``deadline`` (``time.monotonic``) ``fd`` must be non-blocking; raises ``TimeoutError``.

    Raises ``BrokenPipeError`` where nobody reads.
    """
    head = json.dumps(header).encode()
    for part in (LENGTHS.pack(len(head), len(body)) + head, body):
        rest = memoryview(part)
        while rest:
            _wait(fd, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(fd, rest) :]
            except BlockingIOError:
                continue


def read_frame(fd: int, max_body: int, deadline: float | None = None) -> tuple[dict[str, Any], bytes]:
    """Read one frame. Raises ``BrokenFrame``, ``FrameTooLarge`` or ``TimeoutError``."""
    head_size, body_size = LENGTHS.unpack(_read(fd, LENGTHS.size, deadline))
    if head_size > MAX_HEADER_BYTES:
        raise BrokenFrame
    if body_size > max_body:
        raise FrameTooLarge
    try:
        header = json.loads(_read(fd, head_size, deadline))
    except ValueError:
        raise BrokenFrame from None
    return header, _read(fd, body_size, deadline)


def _read(fd: int, size: int, deadline: float | None) -> bytes:
    parts = []
    while size:
        _wait(fd, select.POLLIN, deadline)
        part = os.read(fd, min(size, READ_SIZE))
        if not part:
            raise BrokenFrame
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _wait(fd: int, event: int, deadline: float | None) -> None:
    """Return when ``fd`` is ready (or its other end is gone, which the read or write will notice)."""
    if deadline is None:
        return
    poller = select.poll()
    poller.register(fd, event)
    if not poller.poll(max(0.0, (deadline - time.monotonic()) * 1000)):
        raise TimeoutError
