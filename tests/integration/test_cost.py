"""Cost follows change in the catalog too: counted in steps of SQLite's machine, which no busy computer disturbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from penstock import manifest
from penstock.catalog import Catalog
from penstock.catalog.schema import documents, entries, generations, releases
from penstock.delta import base_entries
from penstock.planning import known_documents
from penstock.records import OPEN_END
from penstock.staging import empty_release

SMALL, LARGE = 200, 4_000
GENERATION = {"collection": "main_g1", "recipe": {}, "embedder": "e", "dimension": 8, "created_at": 0.0}
STEPS = 50
"""The handler is called once for so many steps."""


def catalog_of(folder: Path, count: int) -> Catalog:
    """A release of ``count`` documents, every tenth attached to the one before, and a second that removes one."""
    catalog = Catalog(f"sqlite:///{folder}/{count}.db")
    with catalog.write() as connection:
        connection.execute(insert(documents), [document(nth) for nth in range(count)])
        connection.execute(insert(entries), [entry(nth) for nth in range(count)])
        connection.execute(insert(generations).values(index_name="main", number=1, **GENERATION))
        for number, documents_in_it in ((1, count), (2, count - 1)):
            totals = {"documents": documents_in_it, "quarantined": 0, "chunks": documents_in_it}
            connection.execute(insert(releases).values(empty_release("main", number, 1, number - 1, 1, 0.0) | totals))
        connection.execute(update(entries).where(entries.c.document_id == "5").values(removed_in=2))
    return catalog


def document(nth: int) -> dict[str, Any]:
    about = {"source": "docs", "key": f"{nth}.md", "hint": "h", "principals": "[]", "principals_pending": False}
    parent = str(nth - 1) if nth % 10 == 1 else None
    return {"id": str(nth), "parent_id": parent, "fields": "{}", "first_run": 1, **about}


def entry(nth: int) -> dict[str, Any]:
    span = {"index_name": "main", "document_id": str(nth), "added_in": 1, "removed_in": OPEN_END}
    return {**span, "revision": "r", "chunks": 1, "fields": "{}", "run_id": 1}


def steps_of(catalog: Catalog, work: Callable[[Catalog], None]) -> int:
    """How many steps ``work`` takes, in units of ``STEPS``. The pool hands it the one connection that is counted."""
    calls = list[int]()
    with catalog.read() as connection:
        raw: Any = connection.connection.driver_connection
    raw.set_progress_handler(lambda: calls.append(1), STEPS)
    work(catalog)
    raw.set_progress_handler(None, 0)
    return len(calls)


def look_up(catalog: Catalog) -> None:
    with catalog.read() as connection:
        assert len(base_entries(connection, "main", 1, [str(nth) for nth in range(101)])) == 102


def cite(catalog: Catalog) -> None:
    query = select(entries).where(manifest.in_release("main", 1), entries.c.document_id.in_(["3", "7"]))
    with catalog.read() as connection:
        assert len(connection.execute(query).all()) == 2


def count(catalog: Catalog) -> None:
    with catalog.read() as connection:
        release = manifest.release_row(connection, "main", 2)
        totals = manifest.totals_from_base(connection, "main", 2)
    assert totals == (release.documents, release.quarantined, release.chunks)


def retire(catalog: Catalog) -> None:
    query = update(entries).where(manifest.in_release("main", 1), entries.c.document_id.in_(["3", "7"]))
    with catalog.write() as connection:
        assert connection.execute(query.values(removed_in=2)).rowcount == 2


@pytest.mark.parametrize("work", [look_up, cite, retire, count])
def test_what_names_documents_costs_the_same_in_a_large_release(
    work: Callable[[Catalog], None], tmp_path: Path
) -> None:
    small, large = (steps_of(catalog_of(tmp_path, size), work) for size in (SMALL, LARGE))
    assert large <= 1.2 * small + 2, f"{small} and {large} × {STEPS} steps in releases of {SMALL} and {LARGE}"


def test_a_plan_costs_in_proportion_to_its_documents(tmp_path: Path) -> None:
    def plan(catalog: Catalog) -> None:
        known_documents(catalog, "main", "docs", 1, "parser")

    small, large = (steps_of(catalog_of(tmp_path, size), plan) for size in (SMALL, LARGE))
    assert large <= 1.2 * small * LARGE / SMALL, f"{small} and {large} × {STEPS} steps for {SMALL} and {LARGE}"
