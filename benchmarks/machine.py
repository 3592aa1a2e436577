"""What the figures were measured on."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
PACKAGES = ("penstock", "openvino", "lancedb", "unstructured", "great-expectations", "numpy")


def name() -> str:
    """CPU with those of its features that matter, memory and system, in one line."""
    cpu = _cpuinfo()
    has = [feature for feature in FEATURES if feature in cpu.get("flags", "").split()]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    model, family, number = (cpu.get(key, "?") for key in ("model name", "cpu family", "model"))
    chip = f"{model} (family {family} model {number}: {', '.join(has) or 'none of the features that matter'})"
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{cores} cores of an {chip}, {_memory_gib():.0f} GiB, {system}"


def software() -> str:
    """The commit and the versions of what it stands on."""
    changed = _git("status", "--porcelain", "--", ":/", ":(top,exclude)benchmarks/RESULTS.md")
    commit = _git("rev-parse", "--short=10", "HEAD") or "unknown"
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return f"commit {commit}{' with changes' if changed else ''} ({versions})"


def load() -> str:
    """The load average over one and five minutes: above the number of cores, other work was in the way."""
    one, five, _ = os.getloadavg()
    return f"{one:.1f} / {five:.1f}"


def _cpuinfo() -> dict[str, str]:
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(absent)"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def memory_mb(pid: int) -> tuple[float, float]:
    """What a process holds now in MiB: resident, and with what it shares counted in part (Linux)."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, size = line.partition(":")
        found[name] = int(size.split()[0]) / 1024
    return found["Rss"], found["Pss"]


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has taken, all of its threads together (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children_peak_mb() -> int:
    """Memory that one process below this one has held at most, of those still there, in MiB.

    ``getrusage`` will not do: it counts a child that is just being started with the memory of its parent.
    """
    from penstock.parsing.watch import family

    peaks = [0]
    for pid in family(os.getpid())[1:]:
        with contextlib.suppress(OSError):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            peaks += [int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:")]
    return max(peaks)
