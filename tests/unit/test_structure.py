"""Promises about the code itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

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


def test_one_package_imports_airflow() -> None:
    importers = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if any(name.split(".")[0] == "airflow" for name in imports_of(path))
    }
    assert importers == {"orchestration"}


def test_no_broad_except_hides_an_error() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and getattr(node.type, "id", None) in ("Exception", "BaseException"):
                raised = any(isinstance(one, ast.Raise) for one in ast.walk(node))
                handed_on = any(isinstance(one, ast.Name) and one.id == node.name for one in ast.walk(node))
                assert raised or handed_on, f"{path.name}:{node.lineno} catches everything and forgets it"


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
