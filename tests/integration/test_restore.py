"""docs/production.md, *Restore*: from yesterday's catalog and lake to an index that serves, and nothing embedded."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from penstock import maintenance
from support.postgres import Postgres, find_binaries
from support.workspace import Workspace

Make = Callable[..., Workspace]


@pytest.fixture
def dump_and_restore(postgres: Postgres, tmp_path: Path) -> Callable[[str], str]:
    """Hands back the address of another database, with what ``pg_dump`` found in the given one."""
    tools = os.pathsep.join([os.environ["PATH"], str(find_binaries() or "")])
    dump, restore = shutil.which("pg_dump", path=tools), shutil.which("pg_restore", path=tools)
    if dump is None or restore is None:
        pytest.skip("no pg_dump and pg_restore: install PostgreSQL's client")

    def copy(url: str) -> str:
        to = postgres.new_database()
        subprocess.run([dump, "--format=custom", f"--file={tmp_path}/catalog.dump", url], check=True)
        subprocess.run([restore, f"--dbname={to}", tmp_path / "catalog.dump"], check=True)
        return to

    return copy


def test_catalog_and_lake_make_the_index_again(
    make_workspace: Make, postgres: Postgres, dump_and_restore: Callable[[str], str]
) -> None:
    w = make_workspace("before", catalog=postgres.new_database())
    w.write("bread.md", "# Bread\n\nThe bread is rye.\n")
    w.write("pay.md", "# Pay\n\nThe miller is paid in spring.\n")
    w.allow("pay.md", ["group:hr"])
    w.sync()
    w.write("bread.md", "# Bread\n\nThe bread is barley.\n")
    w.sync()

    catalog = dump_and_restore(w.settings.catalog_url)
    w.write("dam.md", "# Dam\n\nThe dam is new since the backup.\n")
    w.sync()  # so that the lake, which is copied last, is newer than its catalog
    shutil.copytree(w.settings.lake_url, w.root.parent / "lake")
    documents = w.folder
    w.platform.close()

    restored = make_workspace("after", catalog=catalog, store={"lake": str(w.root.parent / "lake")})
    shutil.copytree(documents, restored.folder, dirs_exist_ok=True)
    (restored.folder / "dam.md").unlink()
    report = restored.reindex()
    assert (report.state, report.counts["parsed"], report.counts["embedded"]) == ("published", 0, 0)
    maintenance.prune(restored.platform, "main", 1)
    assert maintenance.verify(restored.platform, "main") == []
    assert restored.found("barley") == ["bread.md"]
    assert "pay.md" in restored.found("miller", principals=["group:hr"])

    shutil.copy(documents / "dam.md", restored.folder)
    assert restored.sync().counts["new"] == 1
    assert maintenance.verify(restored.platform, "main") == []
