"""Rewrite the catalog's files, so that what was deleted or replaced in it stands in none of them.

A database marks what is deleted and uses the place again at its leisure. SQLite's ``secure_delete`` clears whole
cells, but copies of them stay in the gaps of pages that were split or packed before; PostgreSQL keeps dead rows, and
samples of columns in its statistics. Both keep a log of changes: SQLite's is emptied here, PostgreSQL's (and whatever
archives it, and backups) is its operator's, and runs out with time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from penstock.catalog import Catalog
from penstock.catalog.schema import metadata
from penstock.errors import TransientError

LOCK_WAIT_S = 30.0
"""A table that somebody reads for longer is not waited for: meanwhile every other reader would wait behind us."""


def rewrite(catalog: Catalog, what: str = "the document") -> None:
    """Leave nothing in the catalog's files but what its tables hold; costs the reading and writing of all of it.

    Raises ``TransientError`` where a reader stands in the way: what it reads cannot be taken from under it.
    """
    try:
        if catalog.is_sqlite:
            _rewrite_sqlite(catalog)
        else:
            _rewrite_postgresql(catalog)
    except _InTheWayError as error:
        raise TransientError(
            f"{what} is erased, but the catalog's files still hold traces of it: {error}. Somebody reads the catalog; "
            "erase again when they are done"
        ) from error.__cause__


class _InTheWayError(Exception):
    pass


def _rewrite_sqlite(catalog: Catalog) -> None:
    with closing(catalog.engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        before = cursor.execute("pragma busy_timeout").fetchone()[0]
        try:
            cursor.execute(f"pragma busy_timeout={LOCK_WAIT_S * 1000:.0f}")
            cursor.execute("vacuum")
            busy = cursor.execute("pragma wal_checkpoint(truncate)").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise _InTheWayError(str(error)) from error
        finally:
            cursor.execute(f"pragma busy_timeout={before}")
    if busy:
        raise _InTheWayError("its log could not be emptied")


def _rewrite_postgresql(catalog: Catalog) -> None:
    tables = ", ".join(table.name for table in metadata.sorted_tables)
    with catalog.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        try:
            connection.execute(text(f"set lock_timeout = {LOCK_WAIT_S * 1000:.0f}"))
            connection.execute(text(f"vacuum (full, analyze) {tables}"))
            connection.execute(text("vacuum (full) pg_catalog.pg_statistic"))  # refused, with a notice, to a mere user
        except DBAPIError as error:
            raise _InTheWayError(str(error.orig).partition("\n")[0]) from error
        finally:
            connection.execute(text("reset lock_timeout"))
