"""What each stage of a search did to the ranks, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """``chunks`` are the ids in the order that the stage left them in, best first; empty where it orders nothing.

    ``left_out``: the stage was asked for, and what it needs did not answer.
    """

    name: str
    ms: float
    chunks: tuple[str, ...] = ()
    note: str = ""
    left_out: bool = False


class Trace:
    """Filled by the pipeline, which calls it after each stage: a stage's time is that since the last call."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self._since = time.perf_counter()

    def after(self, name: str, chunks: Iterable[str] = (), note: str = "", left_out: bool = False) -> None:
        now = time.perf_counter()
        self.stages.append(Stage(name, round(1000 * (now - self._since), 3), tuple(chunks), note, left_out))
        self._since = time.perf_counter()
