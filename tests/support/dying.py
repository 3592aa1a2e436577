"""A process that is killed at one point of a promotion or a demotion."""

from __future__ import annotations

import os
import signal
from typing import Any

from sqlalchemy import event

from penstock.platform import Platform
from penstock.promotion.promoting import demote, promote
from penstock.settings import Settings
from support.tuned import WHO


def die_before(statement: int, settings: str, what: str, model: str) -> None:
    """Do the deed in this process, which is killed before its statement of that number."""
    platform = Platform(Settings.model_validate_json(settings))
    left = [statement]

    def count(*_: Any) -> None:
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(platform.catalog.engine, "before_cursor_execute", count)
    event.listen(platform.catalog.engine, "commit", count)
    if what == "promote":
        promote(platform, "main", model, WHO, "it finds more")
    else:
        demote(platform, "main", WHO, "the ratings fell")
