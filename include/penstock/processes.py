"""Which processes of this machine are still there: what one of them left behind may then be taken over."""

from __future__ import annotations

import os
import re
import socket


def this_process() -> str:
    """How a process names itself in a lease; ``died_here`` reads it."""
    return f"pid {os.getpid()} on {socket.gethostname()}"


def died_here(name: str) -> bool:
    """Whether the text ends in the name of a process of this machine that is no more."""
    found = re.search(r"\bpid (\d+) on (\S+?)\)?$", name)
    return found is not None and found[2] == socket.gethostname() and is_gone(int(found[1]))


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
