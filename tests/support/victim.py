"""A process to be killed: it does one piece of work and says in a shared file, at every moment, where it is.

Its marks are a file of one byte for each name of ``MARKS``, not 0 while it is inside that stage or store write. The
file is mapped, so that it tells the truth also about a process that was killed.

Victims are forked from a server that has imported what takes seconds, all but lancedb (``penstock.libraries``).
"""

from __future__ import annotations

import faulthandler
import functools
import json
import mmap
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from threading import RLock
from typing import Any

import pytest
from tqdm import tqdm

from penstock import libraries, maintenance
from penstock.decisions import Who
from penstock.erasure import erase
from penstock.platform import Platform
from penstock.settings import Settings
from penstock.sync import reindex, sync
from support.workspace import Workspace

libraries.preload()
tqdm.set_lock(RLock())
"""Of each victim alone. Its own default is a semaphore of all who are forked here: one killed while it holds that would
stop the others for ever."""

STAGES = ("list", "access", "prepare", "embed", "stage", "gates", "publish")
WRITES = ("catalog", "lake", "index")
MARKS = (*STAGES, *WRITES)


class Marks:
    """The file of marks, as the victim writes it and as its killer reads it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), len(MARKS))

    @staticmethod
    def clear(path: Path) -> None:
        path.write_bytes(bytes(len(MARKS)))

    def on(self, name: str) -> bool:
        return self._bytes[MARKS.index(name)] != 0

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        # Several threads may write a store at once; a lost count would matter less than a lock that slows the work.
        place = MARKS.index(name)
        self._bytes[place] += 1
        try:
            yield
        finally:
            self._bytes[place] -= 1

    def during(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def marked(*args: Any, **options: Any) -> Any:
            with self.inside(name):
                return call(*args, **options)

        return marked


def watch(marks: Marks) -> None:
    """Have every stage of a run, and every write to a store, leave its mark."""
    from penstock.catalog import Catalog
    from penstock.index.lancedb import LanceIndex
    from penstock.lake import Lake
    from penstock.runs import Run

    clock, write = Run.clock, Catalog.write

    @contextmanager
    def marked_clock(run: Run, stage: str) -> Iterator[None]:
        with marks.inside(stage), clock(run, stage):
            yield

    @contextmanager
    def marked_write(catalog: Catalog) -> Iterator[Any]:
        with marks.inside("catalog"), write(catalog) as connection:
            yield connection

    Run.clock = marked_clock  # type: ignore[method-assign]
    Catalog.write = marked_write  # type: ignore[method-assign]
    Lake.put = marks.during("lake", Lake.put)  # type: ignore[method-assign]
    for name in ("add", "retire", "discard", "set_principals", "prune", "erase", "optimize"):
        setattr(LanceIndex, name, marks.during("index", getattr(LanceIndex, name)))


class Victim:
    """Started on the stores of a workspace; ``work`` is ``sync``, ``reindex``, ``prune N`` or ``erase KEY``."""

    def __init__(self, w: Workspace, *work: str) -> None:
        marks, self._said = w.root / "marks", w.root / "victim.log"
        Marks.clear(marks)
        self.marks = Marks(marks)
        whole = json.dumps(w.settings.model_dump(mode="json") | {"home": str(w.settings.home)})
        arguments = (whole, marks, self._said, dict(os.environ), *work)
        self._process = server().Process(target=_work, args=arguments)
        self._process.start()

    def finished(self) -> bool:
        """Whether it came to its end. Raises ``AssertionError`` where that was not a good one."""
        if self._process.exitcode is None:
            return False
        assert self._process.exitcode == 0, self._said.read_text()
        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def let_live(self, seconds: float) -> None:
        self._process.join(seconds)
        if not self.finished():
            os.kill(self._process.pid or 0, signal.SIGUSR1)
            self._process.join(5)  # until it has said where its threads are
            raise AssertionError(f"it did not come to its end in {seconds:.0f} s:\n{self._said.read_text()}")


@cache
def server() -> ForkServerContext:
    """Whose processes begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # Python 3.11 does not tell it where modules are
        forkserver.ensure_running()
    return context


def _work(settings: str, marks: Path, said: Path, environment: dict[str, str], what: str, *arguments: str) -> None:
    with said.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.register(signal.SIGUSR1)
    os.environ.clear()  # the server's is that of the first test
    os.environ.update(environment)
    watch(Marks(marks))
    platform = Platform(Settings.model_validate_json(settings))
    match what:
        case "sync":
            sync(platform, "main")
        case "reindex":
            reindex(platform, "main")
        case "prune":
            maintenance.prune(platform, "main", int(arguments[0]))
        case "erase":
            erase(platform, "docs", arguments[0], Who("tester", "cli"), "it was asked for")
