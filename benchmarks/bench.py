"""One session of benchmarks: its options, its working folder, and the processes that it measures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import corpus, ingest, machine, peer
from benchmarks.replay import REPOSITORY, History, data_folder

SITE = "replay/etcd_website"
FIRST_COMMIT = 377
Page = Iterator[str]


@dataclass
class Bench:
    """One session: its options, its working folder, and what earlier parts leave for later ones."""

    work: Path
    runs: int = 2
    peer_runs: int = 1
    every: int = 1
    commits: int = 40
    colds: list[dict[str, Any]] = field(default_factory=list)
    grown: dict[Path, dict[str, Any]] = field(default_factory=dict)
    trained: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    @property
    def documents(self) -> Path:
        return self.work / "docs"

    @property
    def home(self) -> Path:
        return self.work / "penstock"

    @property
    def store(self) -> Path:
        return self.work / "llamaindex"

    @property
    def tuning(self) -> Path:
        return self.work / "tuning"

    def checkout(self) -> None:
        """The site as it was, written once: a sync after that must find it unchanged, to the modification time."""
        if not self.documents.exists():
            History(data_folder() / SITE).checkout(FIRST_COMMIT, self.documents, self.every)

    def penstock(self, what: str, *more: str) -> dict[str, Any]:
        return measured(what, [sys.executable, "-m", "benchmarks.ingest", what, "--home", str(self.home), *more])

    def llamaindex(self, what: str) -> dict[str, Any]:
        script = str(REPOSITORY / "benchmarks" / "peer_llamaindex.py")
        folders = ["--folder", str(self.documents), "--store", str(self.store)]
        return measured(f"LlamaIndex {what}", [str(peer.interpreter()), script, what, *folders])

    def cold(self) -> dict[str, Any]:
        """From an empty home; the last one stays for the parts that need an ingested site."""
        self.checkout()
        shutil.rmtree(self.home, ignore_errors=True)
        ingest.write_config(self.home, self.documents)
        self.colds.append(self.penstock("cold"))
        return self.colds[-1]

    def peer_cold(self) -> dict[str, Any]:
        """The same for the peer."""
        self.checkout()
        shutil.rmtree(self.store, ignore_errors=True)
        return self.llamaindex("cold")

    def ingested(self) -> None:
        if not self.colds:
            self.cold()

    def made(self, documents: int, sections: int) -> tuple[Path, dict[str, Any]]:
        """Made documents, ingested from empty once a session: their home, and what ``growth`` measured of it."""
        documents = max(documents // self.every, 100)
        home = self.work / f"made-{documents}x{sections}"
        if home not in self.grown:
            corpus.make(home, documents, sections)
            self.grown[home] = self.on_made("growth", home)
        return home, self.grown[home]

    def tuned(self, data: str, seed: int) -> dict[str, Any]:
        """An embedder that learned ``data``, trained once a session in the home ``tuning``: what it is worth."""
        if (data, seed) not in self.trained:
            options = ["--home", str(self.tuning), "--data", data, "--seed", str(seed), "--every", str(self.every)]
            command = [sys.executable, "-m", "benchmarks.tuning", *options]
            self.trained[data, seed] = measured(f"tuning {data} {seed}", command)
        return self.trained[data, seed]

    def on_made(self, what: str, home: Path) -> dict[str, Any]:
        command = [sys.executable, "-m", "benchmarks.made", what, "--home", str(home)]
        return measured(f"{what} on {home.name}", command)


def measured(name: str, command: list[str]) -> dict[str, Any]:
    """Run one process to its end; its last line is its result."""
    say(f"{name} …")
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    result: dict[str, Any] = {**json.loads(done.stdout.strip().splitlines()[-1]), "load": os.getloadavg()[0]}
    return result


def measured_s(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that a process takes, from its start to its end."""
    begun = time.perf_counter()
    subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, check=True)
    return time.perf_counter() - begun


def row(*cells: object) -> str:
    """One row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}, load {machine.load()}] {text}", file=sys.stderr, flush=True)
