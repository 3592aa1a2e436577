"""A real PostgreSQL for tests: named by PENSTOCK_TEST_POSTGRES, or started here from the installed binaries."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest


class Postgres:
    def __init__(self, url: str) -> None:
        self.url = url

    def new_database(self) -> str:
        """An empty database of its own; returns its SQLAlchemy URL."""
        name = f"penstock_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'create database "{name}"')
        return self.url.rsplit("/", 1)[0] + f"/{name}"


def find_binaries() -> Path | None:
    on_path = shutil.which("postgres")
    if on_path:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    return found[-1].parent if found else None


class OwnPostgres(Postgres):
    """A server started here, which may be stopped and started again."""

    def __init__(self, url: str, owner: str | None, control: list[str], options: list[str]) -> None:
        super().__init__(url)
        self._owner, self._control, self._options = owner, control, options

    def start(self) -> None:
        _run(self._owner, [*self._control, *self._options, "start"])

    def stop(self, mode: str = "fast") -> None:
        """``fast`` ends every session with a word, ``immediate`` without one, as a crash would."""
        _run(self._owner, [*self._control, "-m", mode, "stop"])


@contextmanager
def start_postgres() -> Iterator[Postgres]:
    named = os.environ.get("PENSTOCK_TEST_POSTGRES")
    if named:
        yield Postgres(named)
        return
    with own_postgres() as server:
        yield server


@contextmanager
def own_postgres(durable: bool = False) -> Iterator[OwnPostgres]:
    """A server of the installed binaries. Where it is not ``durable`` it never waits for the disk, as tests like it."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: set PENSTOCK_TEST_POSTGRES=postgresql://… or install its server binaries")
    # Not below pytest's own folder, which no other user may enter: PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="penstock-postgres-"))
    owner = _owner(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    _run(owner, [str(binaries / "initdb"), "-D", str(data), "-U", "penstock", "-A", "trust", "--no-sync"])
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    options += "" if durable else " -c fsync=off"
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w"]
    url = f"postgresql://penstock@127.0.0.1:{port}/postgres"
    server = OwnPostgres(url, owner, control, ["-o", options, "-l", str(folder / "log")])
    server.start()
    try:
        yield server
    finally:
        server.stop("immediate")
        shutil.rmtree(folder)


def _owner(folder: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    user = "postgres" if _exists("postgres") else "nobody"
    shutil.chown(folder, user)
    return user


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _run(user: str | None, command: list[str]) -> None:
    done = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
