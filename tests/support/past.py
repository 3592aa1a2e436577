"""Small installations as earlier schemas wrote them, kept in ``tests/golden/upgrade`` and opened by today's code.

    PYTHONPATH=tests .venv/bin/python -m support.past

writes the one of today's schema: once, when a schema is new, before the next one changes it. What an installation
answered on the day that it was made stands beside it and is what it must answer for ever.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zlib import crc32

from sqlalchemy import text, update

from penstock import inspection, provenance, release
from penstock.catalog import HEAD
from penstock.catalog.schema import leases
from penstock.parsing import ParserPool
from penstock.retrieval import search
from penstock.settings import ParserSettings
from support.workspace import WHO, Workspace

FOLDER = Path(__file__).parents[1] / "golden" / "upgrade"
MAX_BYTES = 64 * 1024
MADE_AT = 1_700_000_000
"""When the documents were last changed, about, in seconds: archives keep no finer time, and the listing looks at it."""
LETTER = """\
From: a@example.org
To: b@example.org
Subject: Keys
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=x

--x
Content-Type: text/plain

The keys hang in the porch.
--x
Content-Type: text/plain
Content-Disposition: attachment; filename=list.txt

Two keys, one whistle.
--x--
"""
QUESTIONS = ("what does a crossing cost", "rye bread", "keys and whistle", "what the miller earns")
READERS: tuple[tuple[str, ...], ...] = ((), ("group:hr",))


def fill(w: Workspace) -> None:
    """Two releases with every kind of thing in them: edited, removed, refused, private, attached."""
    w.write("ferry.md", "# Ferry\n\nThe ferry crosses at dawn.\n\n## Fares\n\nA crossing costs four crowns.\n")
    w.write("bread.md", "# Bread\n\nThe baker bakes rye bread on Fridays.\n")
    w.write("pay/bands.md", "# Pay\n\nThe miller earns eleven crowns.\n")
    w.allow("pay/bands.md", ["group:hr"])
    w.write("keys.eml", LETTER)
    w.write("broken.docx", b"PK\x03\x04 this is no archive")
    stamp(w)
    w.sync()
    w.write("ferry.md", "# Ferry\n\nThe ferry crosses at dawn.\n\n## Fares\n\nA crossing costs five crowns.\n")
    w.remove("bread.md")
    w.write("dam.md", "# Dam\n\nThe dam is inspected each spring.\n")
    stamp(w)
    w.sync()
    release.rollback(w.platform, "main", WHO, "the new fare is not signed")
    release.resume(w.platform, "main", WHO, "it is signed")


def stamp(w: Workspace) -> None:
    """Give each file a time of whole seconds that follows from what is in it."""
    for path in w.folder.rglob("*"):
        if path.is_file():
            changed_at = MADE_AT + crc32(path.read_bytes()) % 100_000
            os.utime(path, (changed_at, changed_at))


def answers(w: Workspace) -> dict[str, Any]:
    """What an installation says of itself, as plain JSON: facts, not the words that they are put in."""
    found = {
        f"{question} | {number} | {' '.join(reader)}": [
            _only(asdict(hit), "chunk_id text key title headings page revision start end document_id")
            for hit in search(w.platform, "main", question, as_of=number, principals=reader, k=3).hits
        ]
        for question in QUESTIONS
        for number in (1, 2)
        for reader in READERS
    }
    chunks = sorted({hit["chunk_id"] for hits in found.values() for hit in hits})
    traces = [provenance.trace(w.platform, chunk) for chunk in chunks]
    explained = [provenance.explain(w.platform, "docs", key) for key in ("ferry.md", "bread.md", "broken.docx")]
    said = {
        "searches": found,
        "releases": [
            _only(one, "number state documents quarantined chunks digest")
            for one in inspection.list_releases(w.platform, "main")
        ],
        "diff": _only(inspection.diff(w.platform, "main", 1, 2), "documents chunks generation_changed"),
        "traces": [_only(one, "chunk document place bytes parser embedder run releases readers") for one in traces],
        "explained": [_only(one, "document_id principals revisions") for one in explained],
        "quarantine": [_only(one, "source key reason") for one in provenance.quarantine(w.platform)],
        "log": [_only(one, "what who why release") for one in inspection.log(w.platform)],
    }
    plain: dict[str, Any] = json.loads(json.dumps(said))
    return plain


def _only(value: dict[str, Any], names: str) -> dict[str, Any]:
    return {name: value[name] for name in names.split()}


def make(folder: Path = FOLDER) -> Path:
    """Write the installation of today's schema. Raises ``SystemExit`` from a dirty tree: it must be some commit's."""
    folder.mkdir(exist_ok=True)
    changed = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True, cwd=folder)
    if changed.stdout:
        raise SystemExit(f"the tree is dirty, so nobody could say what wrote this; commit first:\n{changed.stdout}")
    target = folder / f"{HEAD}.tar.gz"
    if target.exists():
        raise SystemExit(f"{target} is there already, and what the past wrote is not written again")
    parser = ParserSettings(workers=1)
    with tempfile.TemporaryDirectory() as place, ParserPool(parser) as pool:
        w = Workspace(Path(place), {parser: pool})
        fill(w)
        with w.platform.catalog.write() as connection:
            connection.execute(update(leases).values(holder="nobody"))  # it names the machine
        said = answers(w)
        with w.platform.catalog.read() as connection:
            connection.execute(text("pragma wal_checkpoint(truncate)"))
        w.platform.close()
        with tarfile.open(target, "w:gz") as archive:
            for part in ("documents", "home"):
                archive.add(Path(place) / part, part, filter=_of_nobody)
    if target.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{target} is {target.stat().st_size} bytes large, more than {MAX_BYTES}: make it smaller")
    target.with_name(f"{HEAD}.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n")
    return target


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if member.name.endswith(("-shm", "-wal")) else member


def unpack(version: str, into: Path) -> dict[str, Any]:
    """Lay an installation out below ``into``; return what it answered when it was made."""
    with tarfile.open(FOLDER / f"{version}.tar.gz") as archive:
        archive.extractall(into, filter="data")
    said: dict[str, Any] = json.loads((FOLDER / f"{version}.json").read_text())
    return said


if __name__ == "__main__":
    sys.stdout.write(f"{make()}\n")
