"""A platform is shared by the threads of a service."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from penstock.catalog import Catalog
from penstock.errors import TransientError
from penstock.platform import Platform
from penstock.settings import GeneratorSettings, Settings

THREADS = 8


def test_a_part_that_threads_want_together_is_opened_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def slow(name: str) -> dict[str, Any]:
        asked.append(name)
        time.sleep(0.05)
        return {"host": "127.0.0.1", "port": 9, "password": "k"}

    platform, start = Platform(Settings(home=tmp_path), slow), threading.Barrier(THREADS)
    chat = GeneratorSettings(backend="openai", model="m", connection="chat")

    def open_it(_: int) -> object:
        start.wait()
        return platform.generator(chat)

    with ThreadPoolExecutor(THREADS) as pool:
        opened = list(pool.map(open_it, range(THREADS)))
    assert len({id(one) for one in opened}) == 1
    assert asked == ["chat"]


def test_a_catalog_whose_connections_are_all_in_use_is_busy(tmp_path: Path) -> None:
    catalog = Catalog(f"sqlite:///{tmp_path}/catalog.db")
    catalog.engine.pool._timeout = 0.01  # type: ignore[attr-defined]  # half a minute otherwise
    with ExitStack() as taken:
        readers = (taken.enter_context(catalog.read()) for _ in range(100))
        with pytest.raises(TransientError, match=r"every connection to the catalog at .* is in use; try again"):
            list(readers)
    catalog.close()
