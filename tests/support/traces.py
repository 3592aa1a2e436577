"""Look for what should be gone: in the raw bytes of every store, and through each store's own readers."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any

import lancedb
import pyarrow
from sqlalchemy import text

from penstock.catalog.schema import metadata
from penstock.lake import Kind
from support.workspace import Workspace

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le")
ZSTD = b"\x28\xb5\x2f\xfd"


def holds(data: bytes, word: str) -> bool:
    """Whether bytes hold the word, in whatever case, in any usual encoding, plain or within what is compressed."""
    return any(
        form.encode(encoding) in found
        for found in (data, *unpacked(data))
        for form in {word, word.lower(), word.upper(), word.capitalize()}
        for encoding in ENCODINGS
    )


def unpacked(data: bytes) -> Iterator[bytes]:
    """What is compressed in ``data``, whole or as a frame within."""
    for unpack in (zlib.decompress, gzip.decompress):
        try:
            yield unpack(data)
        except (OSError, EOFError, zlib.error):
            continue
    zstd = pyarrow.CompressedInputStream
    place = data.find(ZSTD)
    while place >= 0:
        try:
            with zstd(pyarrow.py_buffer(data[place:]), "zstd") as stream:
                yield stream.read()
        except OSError:
            pass
        place = data.find(ZSTD, place + 1)


def in_files(w: Workspace, word: str) -> list[str]:
    """Every file below the home that holds the word, or has it in its name."""
    paths = [path for path in w.settings.home.rglob("*") if path.is_file()]
    return [str(path) for path in paths if word in str(path.relative_to(w.settings.home)) or holds(_read(path), word)]


def _read(path: Any) -> bytes:
    data: bytes = path.read_bytes()
    return data


def in_catalog(w: Workspace, word: str) -> list[str]:
    """Tables of the catalog with a row that shows the word; on PostgreSQL also files of relations that hold it."""
    found = []
    with w.platform.catalog.read() as connection:
        for table in metadata.sorted_tables:
            found += [table.name for row in connection.execute(table.select()) if word in str(tuple(row))]
    if w.platform.catalog.is_sqlite:
        return found
    return found + in_relations(w, word)


def in_relations(w: Workspace, word: str) -> list[str]:
    """Files of a PostgreSQL database that hold the word, as the server itself reads them from its disk."""
    query = (
        "select oid::regclass::text, pg_read_binary_file(pg_relation_filepath(oid), 0, 1000000000, true) from pg_class "
        "where pg_relation_filepath(oid) is not null"
    )
    engine = w.platform.catalog.engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("checkpoint"))
        rows = connection.execute(text(query)).all()
    return [name for name, data in rows if data is not None and holds(bytes(data), word)]


def in_index(w: Workspace, word: str) -> list[str]:
    """Versions of the index's tables in which the word can be read or found."""
    db = lancedb.connect(w.settings.index_url)
    found = []
    for name in db.list_tables().tables:
        table = db.open_table(name)
        for version in [one["version"] for one in table.list_versions()]:
            table.checkout(version)
            if any(word in str(row) for row in table.to_arrow().to_pylist()):
                found.append(f"{name} {version} rows")
            if table.search(word, query_type="fts", fts_columns="text").limit(1).to_list():
                found.append(f"{name} {version} words")
    return found


def in_lake(w: Workspace, word: str) -> list[str]:
    lake = w.platform.lake
    return [f"{kind}/{name}" for kind in Kind for name in lake.names(kind) if holds(lake.get(kind, name), word)]
