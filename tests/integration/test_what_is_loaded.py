"""What a sync and a search import, seen in a process of their own."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest


def small_installation(folder: Path) -> Path:
    """The path of a configuration with one document and one index."""
    (folder / "documents").mkdir()
    (folder / "documents" / "mill.md").write_text("# Mill\n\nThe miller grinds barley in the old mill.\n")
    (folder / "penstock.toml").write_text(
        '[sources.docs]\ntype = "folder"\npath = "documents"\nwhen_silent = ["public"]\n'
        '[indexes.main]\nsources = ["docs"]\n'
    )
    return folder / "penstock.toml"


def test_the_line_runs_without_torch(tmp_path: Path) -> None:
    """A whole sync and a search in a process of its own, with the default embedder and real gates."""
    pytest.importorskip("torch", reason="torch is not installed, so its absence proves nothing")
    config = small_installation(tmp_path)
    script = f"""
import sys
from pathlib import Path
from penstock.platform import Platform
from penstock.retrieval import search
from penstock.settings import load
from penstock.sync import sync
platform = Platform(load(Path({str(config)!r})))
assert sync(platform, "main").state == "published"
assert search(platform, "main", "who grinds barley").hits[0].key == "mill.md"
platform.close()
print(sorted({{"torch", "transformers", "airflow", "cohere"}} & set(sys.modules)))
"""
    assert run_python(script)[-1] == "[]"


def test_a_sync_that_finds_nothing_new_loads_nothing_heavy(tmp_path: Path) -> None:
    """It runs every few minutes for years: seconds of imports would be most of what it costs."""
    config = small_installation(tmp_path)
    script = f"""
import sys
from pathlib import Path
from penstock.platform import Platform
from penstock.settings import load
from penstock.sync import sync
platform = Platform(load(Path({str(config)!r})))
print(sync(platform, "main").state)
platform.close()
heavy = {{"lancedb", "pyarrow", "great_expectations", "openvino", "pandas"}}
asking = {{"penstock.evaluation", "penstock.retrieval", "ir_measures"}}
print(sorted((heavy | asking) & set(sys.modules)))
"""
    said = [run_python(script) for _ in range(2)]
    assert [one[0] for one in said] == ["published", "unchanged"]
    assert "'lancedb'" in said[0][1], "what is looked for is what a sync loads"
    assert said[1][1] == "[]"
    assert not {"penstock.evaluation", "penstock.retrieval", "ir_measures"} & set(ast.literal_eval(said[0][1])), (
        "an index without golden questions has no gate that asks them"
    )


def run_python(script: str) -> list[str]:
    """The last two lines that it prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-2:]
