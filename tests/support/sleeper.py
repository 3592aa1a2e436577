"""A process that stops itself, all its threads with it, just before or after one call; SIGCONT wakes it up.

    python -m support.sleeper SETTINGS.json POINT WORK...

WORK is ``sync``, ``plan``, ``prune N``, ``start NAME``, or another step with its numbers, as in ``prepare RUN BATCH``.
POINT is ``before`` or ``after``, module, name and count:
``before:penstock.index.lancedb:LanceIndex.add:2`` stops before the second call of ``LanceIndex.add``.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import penstock.sync
from penstock import maintenance, previewing, steps
from penstock.platform import Platform
from penstock.settings import Settings
from support.workspace import Workspace

NEVER = "before:penstock.sync:sync:2"
NUMBERS = itertools.count(1)


class Sleeper:
    """A started sleeper. Leave it as a context manager, so that no stopped process stays behind."""

    def __init__(self, w: Workspace, point: str, *work: str) -> None:
        settings = w.root / f"sleeper-{next(NUMBERS)}.json"  # its own: several start together
        whole = w.settings.model_dump(mode="json") | {"home": str(w.settings.home)}
        settings.write_text(json.dumps(whole))
        paths = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "include")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.sleeper", str(settings), point, *work],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()

    def wait_until_asleep(self) -> None:
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            self._process.returncode = os.waitstatus_to_exitcode(status)
            raise AssertionError(f"it ended before it came to its point: {self._process.communicate()[1]}")

    def wake(self) -> tuple[int, str]:
        """Let it go on to its end; return its exit status, and what it said on stderr."""
        self._process.send_signal(signal.SIGCONT)
        return self.end()

    def end(self) -> tuple[int, str]:
        said = self._process.communicate(timeout=120)[1]
        return self._process.returncode, said

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def sleep_at(point: str) -> None:
    when, module, name, count = point.split(":")
    *owners, last = name.split(".")
    owner = functools.reduce(getattr, owners, importlib.import_module(module))
    setattr(owner, last, _sleeping(getattr(owner, last), when, int(count)))


def _sleeping(call: Callable[..., Any], when: str, count: int) -> Callable[..., Any]:
    left = count

    @functools.wraps(call)
    def sleeping(*args: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            _sleep()
        result = call(*args, **options)
        if left == 0 and when == "after":
            _sleep()
        return result

    return sleeping


def _sleep() -> None:
    """Stop the whole process, this thread first: what is sent to a process may meet another of its threads first."""
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def main() -> None:
    settings, point, work, *arguments = sys.argv[1:]
    sleep_at(point)
    platform = Platform(Settings.model_validate_json(Path(settings).read_text()))
    match work:
        case "sync":
            penstock.sync.sync(platform, "main")
        case "plan":
            previewing.plan(platform, "main")
        case "prune":
            maintenance.prune(platform, "main", int(arguments[0]))
        case "start":
            steps.start(platform, "main", arguments[0])
        case _:
            getattr(steps, work)(platform, *map(int, arguments))


if __name__ == "__main__":
    main()
