"""A process to be killed: it does one piece of work and says in a shared file, at every moment, where it is.

    python -m support.victim SETTINGS.json MARKS WORK...

SETTINGS.json is a dumped ``Settings``; MARKS is a file of one byte for each name of ``MARKS``, not 0 while the process
is inside that stage or store write. It is mapped, so that it tells the truth also about a process that was killed.
"""

from __future__ import annotations

import functools
import mmap
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.decisions import Who

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


def main() -> None:
    from penstock import maintenance
    from penstock.erasure import erase
    from penstock.platform import Platform
    from penstock.settings import Settings
    from penstock.sync import reindex, sync

    settings, marks, work, *arguments = sys.argv[1:]
    watch(Marks(Path(marks)))
    platform = Platform(Settings.model_validate_json(Path(settings).read_text()))
    match work:
        case "sync":
            sync(platform, "main")
        case "reindex":
            reindex(platform, "main")
        case "prune":
            maintenance.prune(platform, "main", int(arguments[0]))
        case "erase":
            erase(platform, "docs", arguments[0], Who("tester", "cli"), "it was asked for")


if __name__ == "__main__":
    main()
