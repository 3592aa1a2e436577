"""A child and everything it started, seen from outside through /proc (Linux; elsewhere nothing is seen).

A child cannot be trusted to count its own memory: what it shares and what its own children hold is in no limit of it.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")
HELD = ("RssAnon:", "RssShmem:", "VmSwap:")
"""Of the resident memory, what is not merely a file that is also on disk."""
KILL_ROUNDS = 20


def family(pid: int) -> list[int]:
    """The process and all below it. A child adopts what its own children leave behind, so none is missed."""
    found = [pid]
    for one in found:  # grows while it is walked
        for children in (PROC / str(one) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(map(int, children.read_text().split()))
    return found


def held_bytes(pids: list[int]) -> int:
    """The memory that the processes hold together; one that is gone holds none."""
    return sum(sum(_held(pid)) for pid in pids)


def _held(pid: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "status").read_text().splitlines():
            if line.startswith(HELD):
                yield int(line.split()[1]) * 1024


def kill_marked(mark: str) -> None:
    """Kill every process that was started with ``mark`` in its environment, wherever it has gone since.

    It may have left its session and its parent may be dead; its environment it keeps.
    """
    for _ in range(KILL_ROUNDS):  # one that forks faster than it is found has to be met again
        pids = list(_marked(mark.encode()))
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _marked(mark: bytes) -> Iterator[int]:
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                yield int(folder.name)
