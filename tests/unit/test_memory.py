"""What is held per document and per row, and that freed memory is given back."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from penstock.catalog import Catalog
from penstock.catalog.schema import documents, entries
from penstock.ids import document_id, hash_of
from penstock.planning import known_documents
from penstock.quality import rows_frame
from penstock.records import OPEN_END, IndexRow

HOLES = """
import ctypes, sys
from pathlib import Path
from penstock.memory import give_back_what_is_freed

give_back_what_is_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)


def filled(size):
    return ctypes.memset(libc.malloc(size), 1, size)


libc.free(filled(16 * 2**20))  # from here on glibc itself would put whatever is smaller into a heap
blocks = [(filled(2**20), filled(1000)) for _ in range(100)]
for large, _small in blocks:
    libc.free(large)
resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))
print(resident.split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and asks glibc")
def test_large_blocks_that_were_freed_between_small_ones_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 70 * 1024, "of 100 MB that were freed most is still held"


def test_planning_holds_at_most_800_bytes_a_document(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path / 'catalog.db'}")
    count = 4000
    with catalog.write() as connection:
        connection.execute(insert(documents), [_document(nth) for nth in range(count)])
        connection.execute(insert(entries), [_entry(nth) for nth in range(count)])
    held, known = held_by(lambda: known_documents(catalog, "docs", "folder", 1, "parser"))
    assert len(known) == count
    assert all(one.in_release for one in known.values())
    assert held / count < 800


def test_the_gates_hold_at_most_300_bytes_a_row() -> None:
    count = 10_000
    rows_frame(_rows(10))  # what is made once
    held, frame = held_by(lambda: rows_frame(_rows(count)))
    assert len(frame) == count
    assert held / count < 300


def test_the_gates_see_texts_that_repeat_and_texts_that_share_a_vector() -> None:
    texts = ("one", "two", "one", "Óne ", "three")
    vectors = ((1, 0), (0, 1), (1, 0), (1, 0), (0, 1))
    frame = rows_frame(_row(nth, text, vector) for nth, (text, vector) in enumerate(zip(texts, vectors, strict=True)))
    assert list(frame["repeated"]) == [False, False, True, True, False]
    assert list(frame["sharing"]) == [1, 2, 1, 1, 2]


def held_by(work: Callable[[], Any]) -> tuple[int, Any]:
    """Bytes that the work held at most, by Python's and numpy's own count, and its result."""
    tracemalloc.start()
    try:
        result = work()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


def _document(nth: int) -> dict[str, Any]:
    key = f"handbook/team/{nth:06}.md"
    return {
        "id": document_id("folder", key),
        "source": "folder",
        "key": key,
        "hint": f"1790000000000000000-{nth}",
        "revision": hash_of("revision", str(nth)),
        "principals": '["group:engineering","group:operations"]',
        "principals_pending": False,
        "fields": "{}",
        "first_run": 1,
    }


def _entry(nth: int) -> dict[str, Any]:
    return {
        "index_name": "docs",
        "document_id": _document(nth)["id"],
        "added_in": 1,
        "removed_in": OPEN_END,
        "revision": hash_of("revision", str(nth)),
        "parse_key": hash_of("parse", str(nth)),
        "chunks_key": hash_of("chunks", str(nth)),
        "chunks": 1,
        "fields": "{}",
        "run_id": 1,
    }


def _rows(count: int) -> Iterator[IndexRow]:
    for nth in range(count):
        yield _row(nth, f"text number {nth} " * 20, (float(nth), 1.0))


def _row(nth: int, text: str, vector: tuple[float, ...]) -> IndexRow:
    return IndexRow(
        id=hash_of("row", str(nth))[:32],
        document_id="d",
        source="folder",
        key="k",
        title="",
        text=text,
        headings=(),
        kind="text",
        content="c",
        nth=0,
        fields={},
        principals=("public",),
        added_in=1,
        removed_in=OPEN_END,
        vector=np.asarray(vector, np.float32),  # type: ignore[arg-type]
    )
