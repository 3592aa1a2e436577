"""One measured process of penstock on made documents. ``bench.py`` starts it; its last line is one JSON document.

    python -m benchmarks.made WHAT --home HOME

HOME holds what ``corpus.make`` wrote. WHAT is the name of a benchmark below: each is a module with ``measure``, which
is given the opened platform. Imports of this process come before it; the hashing embedder, which knows no model and
costs next to nothing, stands for the real one, so what is measured is everything but the embedding.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import machine


def opened(home: Path, platform: Callable[[], Any] | None = None) -> Any:
    """Import all that a sync imports, and return the platform, or what ``platform`` makes instead."""
    os.environ["PENSTOCK_CONFIG"] = str(home / "penstock.toml")
    os.environ["PENSTOCK_HOME"] = str(home / "home")
    import lancedb  # noqa: F401

    import penstock.catalog.migrate
    import penstock.sync  # noqa: F401
    from penstock import logs
    from penstock.platform import Platform

    logs.configure()
    return (platform or Platform)()


def measures() -> dict[str, Callable[[Any, Path], dict[str, Any]]]:
    from benchmarks import growth, many, publishing, searching, small_sync

    modules = (growth, many, publishing, searching, small_sync)
    return {module.__name__.rpartition(".")[2]: module.measure for module in modules}


def peak_mb() -> int:
    """Memory that this process has held at most, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=measures())
    parser.add_argument("--home", type=Path, required=True)
    arguments = parser.parse_args()
    platform = opened(arguments.home)
    imported = peak_mb()
    result = measures()[arguments.what](platform, arguments.home)
    child = machine.children_peak_mb()
    platform.close()
    json.dump({**result, "imported_mb": imported, "peak_mb": peak_mb(), "child_peak_mb": child}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
