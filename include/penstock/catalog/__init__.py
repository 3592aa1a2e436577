"""The catalog: one relational database that knows every document, release, gate and decision.

SQLite in WAL mode by default, PostgreSQL by URL; nothing above this package knows which. Domain modules write their
own SQLAlchemy expressions against ``schema``; this module opens, migrates and hands out transactions.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, func, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError

from penstock.errors import ConfigError, StoreError, TransientError, disk_is_full, full_disk

HEAD = "0008"
"""The migration that this code was written for; a test holds it against the migrations."""

PASSING = ("locked", "connection", "starting up", "shutting down", "deadlock", "too many clients", "timeout")
"""In what a database says when another try may succeed."""
SQLITE, POSTGRESQL = "sqlite", "postgresql+psycopg"
DRIVERS = {"sqlite": SQLITE, "sqlite+pysqlite": SQLITE, POSTGRESQL: POSTGRESQL}
DRIVERS |= dict.fromkeys(("postgresql", "postgres", "postgresql+psycopg2"), POSTGRESQL)
"""How people write a database, and what is used for it: one driver each."""
EXAMPLE = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
ESCAPED = "in a password write '@' as %40 and ':', '/', '%' as %3A, %2F, %25"
LEAST_ROOM_BYTES = 64 * 1024
"""SQLite opens no database on a disk with less: what its processes share takes 32 kB."""
LOCK_WAIT_S, READERS_WAIT_S = 30.0, 2.0
"""So long a writer waits for SQLite's one lock: in work that nobody watches, and while a reader waits for an answer."""
IDLE_IN_TRANSACTION_S = 300
"""PostgreSQL ends a session that sleeps for longer inside a transaction: the locks of a writer that stands still would
otherwise hold up whoever takes its lease over."""
NOTICING = {
    "connect_timeout": 20,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""Nobody ends the connections of a PostgreSQL whose machine is gone. With these settings of libpq's that is noticed
within a minute; by itself the system takes 15 minutes, and two hours where an answer is waited for. One that takes
connections and says nothing is waited for 20 s, not the driver's 130."""


class Catalog:
    """An open catalog. ``read()`` and ``write()`` are the only ways in; each is one transaction."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        try:
            self._migrate()
        except DatabaseError as error:
            raise StoreError(
                f"the catalog at {self.where} does not open: {error.orig}; check store.catalog (or PENSTOCK_CATALOG)"
            ) from error

    @property
    def where(self) -> str:
        """The address, without its password, which its query may hold as well."""
        return self.engine.url.set(query={}).render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._translated("read"), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, durable: bool = False, wait_s: float = LOCK_WAIT_S) -> Iterator[Connection]:
        """One transaction that is allowed to change things; on SQLite it takes the write lock at once.

        Once it ends, what it wrote outlives this process; with ``durable`` a power cut too, which on SQLite costs a
        wait for the disk (PostgreSQL always waits). Raises ``TransientError`` where SQLite's lock is not free after
        ``wait_s``.
        """
        with self._translated("write"), self.engine.connect() as connection:
            connection.execution_options(penstock_write=True, penstock_durable=durable, penstock_wait_s=wait_s)
            with connection.begin():
                yield connection

    def require_writable(self) -> None:
        """Raise ``TransientError`` or ``StoreError`` where nothing can be written now; writes nothing."""
        with self.write(wait_s=READERS_WAIT_S) as connection:
            if not self.is_sqlite and connection.exec_driver_sql("show transaction_read_only").scalar() == "on":
                raise StoreError(f"the catalog at {self.where} is read-only; check store.catalog (or PENSTOCK_CATALOG)")

    def hold(self, connection: Connection, *tables: Table, alone: bool = False) -> None:
        """Hold tables until a transaction that writes ends: beside other writers, or ``alone``, once those have ended.

        What is read after this is what those wrote who held them alone. On SQLite there is one writer at a time.
        """
        if not self.is_sqlite:
            # One order for everybody, so that nobody waits in a circle: what is said goes before what it is said of.
            names = ", ".join(sorted(table.name for table in tables))
            connection.execute(text(f"LOCK TABLE {names} IN {'SHARE ROW' if alone else 'ROW'} EXCLUSIVE MODE"))

    def now(self, connection: Connection) -> float:
        """Seconds since 1970 by the catalog's clock, so that writers on two machines agree."""
        if self.is_sqlite:
            return time.time()
        return float(connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one())

    def close(self) -> None:
        self.engine.dispose()

    def version(self) -> str | None:
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("select version_num from alembic_version")).scalar()
            return found

    @contextmanager
    def _translated(self, action: str) -> Iterator[None]:
        """Turn the database's errors into ours, once. A wrong statement is none of them: that is a bug of ours."""
        try:
            yield
        except NoConnectionFreeError as error:
            raise TransientError(f"every connection to the catalog at {self.where} is in use; try again") from error
        except DBAPIError as error:
            if not isinstance(error, (OperationalError, InterfaceError)) and not error.connection_invalidated:
                raise
            said = " ".join(str(error.orig).split())
            if disk_is_full(error) or self._has_no_room():
                raise full_disk(f"the catalog at {self.where}") from error
            if error.connection_invalidated or any(word in said for word in PASSING):
                raise TransientError(f"the catalog at {self.where} is busy or went away; try again: {said}") from error
            raise StoreError(
                f"the catalog at {self.where} refused a {action}: {said}; check store.catalog (or PENSTOCK_CATALOG)"
            ) from error

    def _has_no_room(self) -> bool:
        """On a full disk SQLite also says "disk I/O error" and "unable to open", which tell nobody what to do."""
        file = self.engine.url.database
        if not self.is_sqlite or not file or not Path(file).exists():
            return False
        return shutil.disk_usage(Path(file).parent).free < LEAST_ROOM_BYTES

    def _migrate(self) -> None:
        found = self.version()
        if found == HEAD:
            return
        from penstock.catalog.migrate import known_versions, upgrade  # Alembic costs 0.2 s: only where needed

        if found is not None and found not in known_versions():
            raise StoreError(
                f"the catalog is at version {found}, this code knows up to {HEAD}: the catalog was written by a newer "
                "penstock; upgrade this installation (the catalog was left as it is)"
            )
        upgrade(self.engine)


def insert_or_update(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], update: Iterable[str] | None = None
) -> None:
    """Insert rows; where the primary key is there already, set the ``update`` columns (none: leave the row)."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    keys = [column.name for column in table.primary_key]
    if not rows:
        return
    statement = dialect.insert(table)
    columns = {name: statement.excluded[name] for name in update or ()}
    if columns:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=columns)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    connection.execute(statement, [dict(row) for row in rows])


def _engine(url: str) -> Engine:
    parsed = _parsed(url)
    try:
        if parsed.drivername == SQLITE and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"store.catalog: the folder of {url} cannot be made: {error.strerror}; check home (or PENSTOCK_HOME)"
        ) from error
    # Values of a failed statement may be names and titles, and what a run says of its end is kept.
    remote = parsed.drivername != SQLITE
    noticing = {name: value for name, value in NOTICING.items() if remote and name not in parsed.query}
    engine = create_engine(parsed, pool_pre_ping=remote, hide_parameters=True, connect_args=noticing)
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine)
    else:
        _prepare_postgresql(engine)
    return engine


def _parsed(url: str) -> URL:
    """The address with the driver that is used here. No error shows it: whichever part is wrong may be a password's."""
    named = "store.catalog (or PENSTOCK_CATALOG)"
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigError(f"{named} is not a database URL; write sqlite:///PATH or {EXAMPLE}") from None
    except ValueError:
        raise ConfigError(f"{named}: the port is no number; {ESCAPED}: {EXAMPLE}") from None
    if parsed.drivername not in DRIVERS:
        raise ConfigError(
            f"{named} begins with {parsed.drivername!r}, which is no database for a catalog; write sqlite:///PATH or "
            f"{EXAMPLE}"
        )
    parsed = parsed.set(drivername=DRIVERS[parsed.drivername])
    if parsed.drivername != SQLITE and "@" in f"{parsed.host}{parsed.database}":
        raise ConfigError(f"{named}: there is an '@' too many; {ESCAPED}: {EXAMPLE}")
    return parsed


def _prepare_postgresql(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        name = "idle_in_transaction_session_timeout"
        connection.execute(  # whoever runs the server may have said it already
            f"select set_config('{name}', '{IDLE_IN_TRANSACTION_S}s', false) where current_setting('{name}') = '0'"
        )
        connection.commit()


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # begin is ours, below
        cursor = connection.cursor()
        cursor.execute(f"pragma busy_timeout={1000 * LOCK_WAIT_S:.0f}")
        _use_wal(cursor)
        cursor.execute("pragma synchronous=normal")
        cursor.execute("pragma secure_delete=on")  # most of what is deleted is gone at once; see rewriting.py
        cursor.execute("pragma foreign_keys=on")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("penstock_write"):
            connection.exec_driver_sql("begin")
            return
        connection.exec_driver_sql(f"pragma synchronous={'full' if options.get('penstock_durable') else 'normal'}")
        connection.exec_driver_sql(f"pragma busy_timeout={1000 * options.get('penstock_wait_s', LOCK_WAIT_S):.0f}")
        connection.exec_driver_sql("begin immediate")


def _use_wal(cursor: Any) -> None:
    """Two processes that open a new file at once both hold what the other waits for: SQLite says so without waiting."""
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            cursor.execute("pragma journal_mode=wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
