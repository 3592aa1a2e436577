"""A pool of warm parser children: documents in, a parse or a typed refusal out, in the order they finish."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from penstock.errors import PenstockError
from penstock.parsing.worker import CHILD_COMMAND, DiedIdle, Worker, remove_orphans
from penstock.records import Parsed, Reason, Refusal
from penstock.settings import ParserSettings

Outcome = Parsed | Refusal
QUEUED_PER_WORKER = 2
GROW_AFTER_S = 8.0
"""So long its callers have waited in all until a pool starts one more child. A child takes three seconds of a core and
hundreds of megabytes to start, in which one that runs parses a thousand pages."""
IDLE_DEATHS = 3
"""How often a child may die before it has read the document until the document is blamed."""


@dataclass(frozen=True, slots=True)
class ParseJob:
    """One document to parse. ``name`` is its file name: it claims a type, which the bytes must bear out."""

    id: str
    name: str
    data: bytes


Results = queue.SimpleQueue[tuple[ParseJob, Outcome | BaseException]]


class ParserPool:
    """Children that parse one document at a time each. Use it as a context manager; leaving it ends the children.

    The first child starts with the first document (or at ``warm``), the next when callers wait too long for the others;
    each serves many documents, and is replaced when it dies.
    """

    def __init__(self, settings: ParserSettings, command: Sequence[str] = CHILD_COMMAND) -> None:
        self._size = settings.workers or min(os.cpu_count() or 1, 4)
        self._workers = [Worker(settings, command) for _ in range(self._size)]
        self._jobs: queue.SimpleQueue[tuple[ParseJob, Results] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._warm = threading.Event()
        self._closed = False
        self._patience_s = GROW_AFTER_S
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def warm(self) -> None:
        """Start the first child now, in the background: it imports while the caller fetches."""
        self._warm.set()
        remove_orphans()
        self._start_threads(1)

    def parse_many(self, jobs: Iterable[ParseJob]) -> Iterator[tuple[ParseJob, Outcome]]:
        """Yield each job with its outcome as it finishes. At most three jobs a child are pulled ahead of the results.

        Raises ``ModelError`` where a declared part of the parser is missing on this machine.
        """
        results: Results = queue.SimpleQueue()
        waiting = iter(jobs)
        in_flight, more = 0, True
        while True:
            while more and in_flight < max(len(self._threads), 1) * (1 + QUEUED_PER_WORKER):
                job = next(waiting, None)
                if job is None:
                    more = False
                    break
                in_flight += 1
                self._start_threads(1)
                self._jobs.put((job, results))
            if not in_flight:
                return
            done, outcome = self._next_of(results)
            in_flight -= 1
            if isinstance(outcome, BaseException):
                raise outcome
            yield done, outcome

    def _next_of(self, results: Results) -> tuple[ParseJob, Outcome | BaseException]:
        while len(self._threads) < self._size:
            began = time.monotonic()
            with contextlib.suppress(queue.Empty):
                found = results.get(timeout=max(self._patience_s, 0))
                self._patience_s -= time.monotonic() - began
                return found
            self._patience_s = GROW_AFTER_S
            self._start_threads(len(self._threads) + 1)
        return results.get()

    def pids(self) -> list[int]:
        """The children that were started, for tests and for the curious."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def close(self) -> None:
        """End every child; what is still being parsed is lost."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            threads = self._threads
        self._give_up_queued_jobs()
        for _ in threads:
            self._jobs.put(None)
        for worker in self._workers:
            worker.end()
        for thread in threads:
            thread.join()
        for worker in self._workers:
            worker.kill()

    def _give_up_queued_jobs(self) -> None:
        while True:
            try:
                item = self._jobs.get_nowait()
            except queue.Empty:
                return
            if item:
                job, results = item
                results.put((job, RuntimeError("the ParserPool was closed while documents were waiting")))

    def _start_threads(self, wanted: int) -> None:
        with self._lock:
            if self._closed:
                raise RuntimeError("this ParserPool is closed; make another")
            while len(self._threads) < min(wanted, self._size):
                worker = self._workers[len(self._threads)]
                thread = threading.Thread(target=self._serve, args=(worker,), name="penstock-parse", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, worker: Worker) -> None:
        if self._warm.is_set():
            self._try_start(worker)
        while (item := self._jobs.get()) is not None:
            job, results = item
            try:
                results.put((job, _parse(worker, job)))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the caller's thread
                worker.kill()
                results.put((job, error))

    def _try_start(self, worker: Worker) -> None:
        try:
            worker.start()
        except (PenstockError, OSError):  # the first document will meet it again, and its caller hears of it
            worker.kill()


def _parse(worker: Worker, job: ParseJob) -> Outcome:
    for _ in range(IDLE_DEATHS):
        try:
            return worker.ask(job.name, job.data)
        except DiedIdle:
            continue
    return Refusal(Reason.PARSER_ERROR, f"{IDLE_DEATHS} parser processes died before they had read the document")
