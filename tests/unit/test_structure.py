"""Promises about the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "include" / "penstock"


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_one_module_imports_airflow() -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "airflow" for name in imports_of(path))
    }
    assert importers == {"orchestration.py"}


def test_no_broad_except_hides_an_error() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and getattr(node.type, "id", None) in ("Exception", "BaseException"):
                raised = any(isinstance(one, ast.Raise) for one in ast.walk(node))
                handed_on = any(isinstance(one, ast.Name) and one.id == node.name for one in ast.walk(node))
                assert raised or handed_on, f"{path.name}:{node.lineno} catches everything and forgets it"


def test_the_line_runs_without_torch(tmp_path: Path) -> None:
    """A whole sync and a search in a process of its own, with the default embedder and real gates."""
    pytest.importorskip("torch", reason="torch is not installed, so its absence proves nothing")
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "mill.md").write_text("# Mill\n\nThe miller grinds barley in the old mill.\n")
    (tmp_path / "penstock.toml").write_text(
        '[sources.docs]\ntype = "folder"\npath = "documents"\nwhen_silent = ["public"]\n'
        '[indexes.main]\nsources = ["docs"]\n'
    )
    script = f"""
import sys
from pathlib import Path
from penstock.platform import Platform
from penstock.retrieval import search
from penstock.settings import load
from penstock.sync import sync
platform = Platform(load(Path({str(tmp_path / "penstock.toml")!r})))
assert sync(platform, "main").state == "published"
assert search(platform, "main", "who grinds barley").hits[0].key == "mill.md"
platform.close()
print(sorted({{"torch", "transformers", "airflow", "cohere"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_compose_file_is_one() -> None:
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        "docker-compose.yaml",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
