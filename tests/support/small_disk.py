"""A process with a small disk of its own, which fills up under a sync and is given room again.

    unshare --user --map-root-user --mount python -m support.small_disk SETTINGS.json DISK ROOM_KB

DISK is an empty folder; below it SETTINGS.json (or TMPDIR) has put one of the stores. The documents of the source are
synced, those of the folder ``next`` beside it take their place, the disk is filled but for ROOM_KB, and the sync is run
again: once on the full disk, once with room. A reader that was there before looks on. What happened is printed as one
JSON document.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.workspace import Workspace

if TYPE_CHECKING:
    from penstock.parsing import ParserPool
    from penstock.settings import ParserSettings, Settings

DISK_MB = 64
IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def require_small_disks() -> None:
    """Skip where this machine lets nobody mount a disk in a namespace of their own."""
    if shutil.which("unshare") is None:
        pytest.skip("no small disk: there is no `unshare` here")
    probe = subprocess.run([*IN_A_NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, text=True)
    if probe.returncode:
        pytest.skip(f"no small disk: a mount in a user namespace is not allowed here: {probe.stderr.strip()}")


def sync_on_a_small_disk(w: Workspace, disk: Path, room_kb: int, **environment: str) -> dict[str, Any]:
    """Run this module on the workspace; see there. Returns what it printed."""
    require_small_disks()
    disk.mkdir()
    settings = w.root / "small.json"
    whole = w.settings.model_dump(mode="json") | {"home": str(w.settings.home)}
    settings.write_text(json.dumps(whole))
    paths = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "include")]
    done = subprocess.run(
        [*IN_A_NAMESPACE, sys.executable, "-m", "support.small_disk", str(settings), str(disk), str(room_kb)],
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def fill(disk: Path, room_kb: int) -> Path:
    """Leave ``room_kb`` of the disk; return the file to delete for room."""
    padding = disk / "padding"
    space = os.statvfs(disk)
    with padding.open("wb") as file:
        file.write(b"x" * max(0, space.f_bavail * space.f_frsize - room_kb * 1024))
    return padding


def main() -> None:
    from penstock.parsing import ParserPool
    from penstock.settings import Settings

    settings = Settings.model_validate_json(Path(sys.argv[1]).read_text())
    disk, room_kb = Path(sys.argv[2]), int(sys.argv[3])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)], check=True)
    with ParserPool(settings.parser) as pool:
        # Where temporary files are on the full disk, each platform starts a child of its own there.
        pools = None if Path(tempfile.gettempdir()) == disk else {settings.parser: pool}
        found = day(settings, disk, room_kb, pools)
    print(json.dumps(found))


def day(settings: Settings, disk: Path, room_kb: int, pools: dict[ParserSettings, ParserPool] | None) -> dict[str, Any]:
    """What happened, as the test compares it."""
    from penstock import maintenance
    from penstock.errors import PenstockError
    from penstock.platform import Platform
    from penstock.retrieval import search
    from penstock.runs import recent
    from penstock.settings import FolderSource
    from penstock.sync import sync

    source = settings.sources["docs"]
    assert isinstance(source, FolderSource)

    def texts(platform: Platform) -> list[str]:
        return sorted({hit.text for hit in search(platform, "main", "a", k=1000, mode="vector").hits})

    found: dict[str, Any] = {}
    platform = Platform(settings, pools=pools)
    found["first"] = sync(platform, "main").message
    platform.close()
    reader = Platform(settings, pools=pools)
    found["before"] = texts(reader)
    shutil.rmtree(source.path)
    (source.path.parent / "next").rename(source.path)
    padding = fill(disk, room_kb)
    platform = Platform(settings, pools=pools)
    try:
        found["full"] = sync(platform, "main").message
    except PenstockError as error:
        found["error"] = f"{type(error).__name__}: {error}"
    found["meanwhile"] = texts(reader)
    platform.close()
    reader.close()
    padding.unlink()
    platform = Platform(settings, pools=pools)
    found["again"] = sync(platform, "main").message
    found["after"] = texts(platform)
    found["findings"] = [str(one) for one in maintenance.verify(platform, "main")]
    found["runs"] = [run.state for run in recent(platform, "main")]
    found["unchanged"] = sync(platform, "main").state
    found["quarantine"] = recent(platform, "main", 2)[1].counts["quarantined"]
    found["names"] = sorted(str(path.relative_to(disk)) for path in disk.rglob("*") if path.is_file())
    platform.close()
    return found


if __name__ == "__main__":
    main()
