"""Where the data lies, and the edit history of a documentation site played onto a folder.

The data is no part of the project: ``../shared/data`` beside the repository, or the folder that PENSTOCK_BENCH_DATA
names. What needs it is skipped, saying so, where it is absent.
"""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    return Path(os.environ.get("PENSTOCK_BENCH_DATA") or REPOSITORY.parent / "shared" / "data").absolute()


def absent(what: str) -> str:
    """Say why a benchmark is skipped; nothing where its data is there."""
    folder = data_folder() / what
    return "" if folder.is_dir() else f"skipped: there is no {folder}; name the data folder in PENSTOCK_BENCH_DATA"


@dataclass
class History:
    """A site's commits, oldest first. ``folder`` holds ``commits.jsonl`` and ``blobs.jsonl.gz``."""

    folder: Path

    @cached_property
    def commits(self) -> list[dict[str, Any]]:
        with (self.folder / "commits.jsonl").open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    @cached_property
    def blobs(self) -> dict[str, str]:
        with gzip.open(self.folder / "blobs.jsonl.gz", "rt", encoding="utf-8") as lines:
            return {row["blob"]: row["text"] for row in map(json.loads, lines)}

    def files(self, commits: int) -> dict[str, str]:
        """Path → blob after the first ``commits`` commits."""
        files: dict[str, str] = {}
        for commit in self.commits[:commits]:
            for change in commit["changes"]:
                if change["op"] == "R":
                    files.pop(change["from"], None)
                if change["op"] == "D":
                    files.pop(change["path"], None)
                else:
                    files[change["path"]] = change["blob"]
        return files

    def checkout(self, commits: int, folder: Path, share: int = 1) -> int:
        """Write the state after ``commits`` commits (every ``share``-th file of it); return the number of files."""
        files = sorted(self.files(commits).items())[::share]
        for path, blob in files:
            self._write(folder / path, blob)
        return len(files)

    def apply(self, nth: int, folder: Path) -> str:
        """Carry out commit ``nth`` (from 0) and return its operations as letters: A, M, D, R."""
        changes = self.commits[nth]["changes"]
        for change in changes:
            if change["op"] == "R":
                (folder / change["from"]).unlink(missing_ok=True)
            if change["op"] == "D":
                (folder / change["path"]).unlink(missing_ok=True)
            else:
                self._write(folder / change["path"], change["blob"])
        return "".join(change["op"] for change in changes)

    def _write(self, path: Path, blob: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.blobs[blob], encoding="utf-8", newline="")
