"""A process that is killed at one point of its work: before one of its statements, commits, or writes to the lake."""

from __future__ import annotations

import functools
import json
import os
import signal
from collections.abc import Callable
from typing import Any

from sqlalchemy import event

from penstock import interactions
from penstock.lake import Lake
from penstock.platform import Platform
from penstock.promotion.comparing import compare
from penstock.promotion.promoting import demote, promote
from penstock.purposes import Purpose
from penstock.settings import Settings
from penstock.training.building import build
from support.tuned import WHO
from support.victim import server
from support.workspace import Workspace


def killed_before(w: Workspace, step: int, what: str, name: str = "") -> bool:
    """Whether the work was killed before its step of that number; else it came to its end."""
    whole = json.dumps(w.settings.model_dump(mode="json") | {"home": str(w.settings.home)})
    process = server().Process(target=die_before, args=(step, whole, what, name))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def die_before(step: int, settings: str, what: str, name: str) -> None:
    """Do the deed in this process, which is killed before its step of that number."""
    platform = Platform(Settings.model_validate_json(settings))
    left = [step]

    def count(*_: Any) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def before(*args: Any, **options: Any) -> Any:
            count()
            return call(*args, **options)

        return before

    event.listen(platform.catalog.engine, "before_cursor_execute", count)
    event.listen(platform.catalog.engine, "commit", count)
    Lake.put = counted(Lake.put)  # type: ignore[method-assign]
    Lake.delete = counted(Lake.delete)  # type: ignore[method-assign]
    match what:
        case "promote":
            promote(platform, "main", name, WHO, "it finds more")
        case "demote":
            demote(platform, "main", WHO, "the ratings fell")
        case "build":
            build(platform, "main", Purpose(name))
        case "compare":
            compare(platform, "main", name)
        case "erase":
            interactions.erase(platform, WHO, "asked for it", person=name)
