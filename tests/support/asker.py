"""A process that records interactions as fast as it can, to be killed. It says which it was answered for."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from penstock.interactions import Asker, record
from penstock.platform import Platform
from penstock.retrieval import Found
from penstock.retrieval.results import Setup
from penstock.settings import Settings
from support.victim import server
from support.workspace import Workspace

THREADS = 4


class AskingProcess:
    """``answered`` are the ids that ``record`` returned, as a file that outlives the process says."""

    def __init__(self, w: Workspace, name: str) -> None:
        self._said = w.root / f"asker-{name}"
        self._said.touch()
        whole = w.settings.model_dump_json()
        arguments: tuple[Any, ...] = (whole, str(w.settings.home), self._said, name)
        self._process = server().Process(target=_ask, args=arguments)
        self._process.start()

    @property
    def answered(self) -> list[str]:
        return self._said.read_text().split()

    def alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _ask(whole: str, home: str, said: Path, name: str) -> None:
    settings = Settings.model_validate_json(whole).model_copy(update={"home": Path(home)})
    platform, out = Platform(settings), os.open(said, os.O_WRONLY | os.O_APPEND)
    found = Found("main", 1, f"{name} asks", (), (), (), (), Setup("hybrid", "0" * 16, "1" * 16))

    def work(thread: int) -> None:
        while True:
            os.write(out, f"{record(platform, found, Asker(session=f'{name} {thread}'))}\n".encode())

    threads = [threading.Thread(target=work, args=(one,)) for one in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
