"""Somebody decided: the append-only log of approvals, refusals, rollbacks, erasures and promotions."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select

from penstock.catalog import Catalog
from penstock.catalog.schema import decisions, documents
from penstock.errors import UsageError
from penstock.words import is_blank


@dataclass(frozen=True, slots=True)
class Who:
    """The person behind a decision, and the way that it came: cli, airflow or page."""

    name: str
    via: str = "cli"


def from_shell() -> Who:
    """The person at this terminal: ``PENSTOCK_USER``, else the login name."""
    return Who(os.environ.get("PENSTOCK_USER") or getpass.getuser())


def reasoned(why: str) -> str:
    """Return the reason without its padding. Raises ``UsageError`` where it is blank."""
    if is_blank(why):
        raise UsageError("a decision needs a reason: say in a few words why (--why TEXT)")
    return why.strip()


def record(
    connection: Connection,
    catalog: Catalog,
    who: Who,
    what: str,
    why: str,
    index: str | None = None,
    release: int | None = None,
    document_id: str | None = None,
) -> int:
    """Write one row within the caller's transaction, so that the deed and its record stand or fall together."""
    row = connection.execute(
        insert(decisions)
        .values(
            at=catalog.now(connection),
            who=who.name,
            via=who.via,
            what=what,
            index_name=index,
            release=release,
            document_id=document_id,
            why=why,
        )
        .returning(decisions.c.id)
    )
    return int(row.scalar_one())


def history(catalog: Catalog, index: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The newest decisions first. A document that was erased is named by its id only."""
    query = (
        select(decisions, documents.c.source, documents.c.key)
        .outerjoin(documents, documents.c.id == decisions.c.document_id)
        .order_by(decisions.c.id.desc())
        .limit(limit)
    )
    if index is not None:
        query = query.where(decisions.c.index_name == index)
    with catalog.read() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def about(catalog: Catalog, document_id: str, what: str) -> list[int]:
    """Ids of the decisions of a kind on a document."""
    query = select(decisions.c.id).where(decisions.c.document_id == document_id, decisions.c.what == what)
    with catalog.read() as connection:
        return list(connection.execute(query.order_by(decisions.c.id)).scalars())


def naming(catalog: Catalog, clean: Callable[[str], str]) -> list[int]:
    """Ids of the decisions whose reasons ``clean`` would change."""
    with catalog.read() as connection:
        rows = connection.execute(select(decisions.c.id, decisions.c.why).order_by(decisions.c.id)).all()
    return [row.id for row in rows if clean(row.why) != row.why]
