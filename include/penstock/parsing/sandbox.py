"""What a child gives up before it reads a single document: torch, telemetry, the network, its parent's life span."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
MIN_FREE_MB = 64
MAX_FILE_BYTES = 2**31


def block_heavy_imports() -> None:
    """spaCy imports torch where it is installed: 470 MB and six seconds that no parser needs."""
    for name in ("torch", "tensorflow", "cupy"):
        sys.modules[name] = None  # type: ignore[assignment]


def silence_telemetry() -> None:
    """The names that unstructured 0.27 reads: its usage notice, and its start-up and run-time reports."""
    os.environ.update(UNSTRUCTURED_DISABLE_NOTICE="1", DO_NOT_TRACK="true", SCARF_NO_ANALYTICS="true")


def close_network() -> None:
    """No parser has business on the network; a library that tries gets an error at once."""

    class NoSocket(socket.socket):
        def __init__(self, *_: Any, **__: Any) -> None:
            raise PermissionError("a parser child has no network")

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise PermissionError("a parser child has no network")

    socket.socket = NoSocket  # type: ignore[misc]
    socket.create_connection = refuse
    socket.getaddrinfo = refuse


def die_with_parent(parent: int) -> None:
    """Ask the kernel (Linux) for a SIGKILL when the parent ends; elsewhere the closed pipe ends the child."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before it could be asked
            os._exit(0)


def adopt_orphans() -> None:
    """Whatever a document makes a library start stays below this process, where the pool counts its memory (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def limit_memory(memory_mb: int) -> None:
    """Allow the process ``memory_mb`` of resident memory, counted from what it holds now, and no core files.

    The limit is on private writable memory (``RLIMIT_DATA``): address space that is only reserved costs nothing,
    and pandoc reserves a terabyte of it.
    """
    free_mb = max(memory_mb - resident_mb(), MIN_FREE_MB)
    limit = _data_bytes() + int(free_mb * 2**20)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))


def resident_mb() -> float:
    return _status("VmRSS") / 1024


def _data_bytes() -> int:
    return _status("VmData") * 1024


def _status(key: str) -> int:
    """A line of /proc/self/status in kB; 0 where there is no such file."""
    try:
        with open("/proc/self/status") as lines:  # noqa: PTH123 - pathlib is not needed for one line of /proc
            return next(int(line.split()[1]) for line in lines if line.startswith(key + ":"))
    except (OSError, StopIteration):
        return 0
