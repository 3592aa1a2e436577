"""What an earlier schema wrote opens, migrates and answers as on the day that it was written."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, MetaData, Table, create_engine, func, inspect, select, text

from penstock import maintenance, release
from penstock.catalog import HEAD
from penstock.catalog.migrate import MIGRATIONS, known_versions, upgrade
from penstock.ids import sha256
from support import past
from support.workspace import WHO, Workspace

Make = Callable[..., Workspace]
FROZEN = {
    "0001_the_first_tables.py": "f3bfc530319e042da84808f5b27aa153edd85498bd941383f95408b529f300de",
    "0002_what_made_a_vector.py": "883fd571345a4cd302991db6838e44609b195a9d5a22c2d02068dead1136e8ec",
    "0003_attempts_at_tasks.py": "69cef21049e6e542822202cfd2dfdcd33dff066091df11a0ad6d5de36df72da8",
    "0004_cursors_of_a_release.py": "de76a501126f0612f30b455362e54f23803ef9c5ae22f3e511c3d4813ed54d39",
    "0005_evaluations.py": "4ec77f6d53d62bed641b401579a02e65dd930b2489b8117b8414c7e801927760",
    "0006_interactions_and_feedback.py": "de4720c2e41bbd63ddd2f526ba1f90b68ac7ed860216240a9dbf54829be11836",
    "0007_api_keys.py": "fc3dbcc95b8c62d7599609a0cadee2d5fcf37cfda7ffb81d19de7cd99578648b",
    "0008_training.py": "490a7839e4d6e500add6d5361eb388c36da7d3c417e057371c4f51b98ff81cd9",
}
"""Migrations that catalogs out there have been through: what they did cannot be changed any more, only added to."""


def test_every_schema_left_an_installation() -> None:
    kept = {path.name.partition(".")[0] for path in past.FOLDER.glob("*.tar.gz")}
    assert kept == known_versions(), f"run `PYTHONPATH=tests python -m support.past` at schema {HEAD}"


def test_migrations_that_were_released_are_as_they_were() -> None:
    found = {name: sha256((MIGRATIONS / "versions" / name).read_bytes()) for name in FROZEN}
    assert found == FROZEN, "write a new migration instead"


@pytest.fixture(params=sorted(known_versions()))
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_answers_as_it_did(version: str, make_workspace: Make, tmp_path: Path, catalog_url: str) -> None:
    said = past.unpack(version, tmp_path / "w")
    if catalog_url.startswith("postgresql"):
        move_to_postgresql(version, tmp_path / "w" / "home" / "catalog.db", catalog_url)
    else:
        shutil.move(tmp_path / "w" / "home" / "catalog.db", tmp_path / "catalog.db")
    w = make_workspace(catalog=catalog_url)
    assert past.answers(w) == said
    assert w.platform.catalog.version() == HEAD
    assert maintenance.verify(w.platform, "main") == []


def test_it_goes_on(version: str, make_workspace: Make, tmp_path: Path, catalog_url: str) -> None:
    past.unpack(version, tmp_path / "w")
    if catalog_url.startswith("postgresql"):
        move_to_postgresql(version, tmp_path / "w" / "home" / "catalog.db", catalog_url)
    else:
        shutil.move(tmp_path / "w" / "home" / "catalog.db", tmp_path / "catalog.db")
    w = make_workspace(catalog=catalog_url)
    assert not w.sync().counts.get("embedded")  # what is in quarantine may be tried again, since the parser has changed
    unchanged = w.sync()
    assert (unchanged.state, unchanged.release, unchanged.counts["work"]) == ("unchanged", 2, 0)
    assert release.rollback(w.platform, "main", WHO, "back").live == 1
    assert w.found("rye bread", k=1) == ["bread.md"]
    release.resume(w.platform, "main", WHO, "on")
    w.write("dam.md", "# Dam\n\nThe dam is inspected each autumn.\n")
    report = w.sync()
    assert (report.state, report.release, report.counts["changed"], report.counts["embedded"]) == ("published", 3, 1, 1)
    assert "rye bread" in str(w.texts(as_of=1))
    assert w.reindex().state == "published"
    assert w.found("what the miller earns", principals=("group:hr",), k=1) == ["pay/bands.md"]
    assert "pay/bands.md" not in w.found("what the miller earns")
    assert maintenance.prune(w.platform, "main", 1)["releases"] == 3
    assert maintenance.verify(w.platform, "main") == []


def move_to_postgresql(version: str, file: Path, url: str) -> None:
    """The same rows in a PostgreSQL of the same schema: the schema's own migration made its tables, not today's."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    upgrade(engine, version)
    with closing(sqlite3.connect(file)) as old, engine.begin() as new:
        old.row_factory = sqlite3.Row
        tables = MetaData()
        tables.reflect(new)
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            rows = [dict(row) for row in old.execute(f"select * from {table.name}")]  # noqa: S608
            for row in rows:
                new.execute(table.insert(), _typed(table, row))
            if rows:
                _advance_sequence(new, table)
    engine.dispose()


def _typed(table: Table, row: dict[str, object]) -> dict[str, object]:
    """SQLite keeps truth as a number and JSON as text; what is left out is null."""

    def value(kind: str, given: object) -> object:
        return bool(given) if kind == "BOOLEAN" else json.loads(str(given)) if kind == "JSON" else given

    return {name: value(str(table.c[name].type), given) for name, given in row.items() if given is not None}


def _advance_sequence(connection: Connection, table: Table) -> None:
    if "id" in table.c and inspect(connection).has_sequence(f"{table.name}_id_seq"):
        highest = connection.execute(select(func.max(table.c.id))).scalar_one()
        connection.execute(text("select setval(:name, :value)"), {"name": f"{table.name}_id_seq", "value": highest})
