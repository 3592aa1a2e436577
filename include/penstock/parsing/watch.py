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
SHARED_OUT = ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")
KILL_ROUNDS = 20


def family(pid: int) -> list[int]:
    """The process and all below it. A child adopts what its own children leave behind, so none is missed."""
    found = [pid]
    for one in found:  # grows while it is walked
        for children in (PROC / str(one) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(map(int, children.read_text().split()))
    return found


def holds_more(pid: int, limit: int) -> bool:
    """Whether the process and all below it hold more than ``limit`` bytes together."""
    pids = family(pid)
    if held_bytes(pids) <= limit:
        return False
    # What a fork has not written to yet is counted in both, and then shared out between them, which takes longer.
    return len(pids) == 1 or sum(_sum(one, "smaps_rollup", SHARED_OUT) for one in pids if not _is_lent(one)) > limit


def held_bytes(pids: list[int]) -> int:
    """The memory that the processes hold; one that is gone holds none, what two share is counted twice."""
    return sum(_sum(pid, "status", HELD) for pid in pids)


def _sum(pid: int, file: str, keys: tuple[str, ...]) -> int:
    with contextlib.suppress(OSError):
        lines = (PROC / str(pid) / file).read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(keys))
    return 0


def _is_lent(pid: int) -> bool:
    """Whether a process still runs in the memory of its parent, which waits for it to become a program (vfork)."""
    with contextlib.suppress(OSError, KeyError):
        status = dict(line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines())
        above = (PROC / status["PPid"].strip() / "status").read_text()
        return "\nState:\tD" in above and f"VmSize:{status['VmSize']}\n" in above
    return False


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
