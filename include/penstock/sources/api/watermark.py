"""Where the next reading of an API may begin: the newest change that was seen, less an overlap."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from requests import Response

from penstock.http_settings import ApiSource, Incremental
from penstock.ids import hash_of
from penstock.sources.api.expressions import search
from penstock.sources.base import Cursor
from penstock.sources.http.errors import HttpError

VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


@dataclass
class Watermark:
    """One reading's way from the cursor before it to the cursor after it.

    A cursor that was made under other settings counts for nothing: what is named, and who may read it, may differ.
    So does one whose mark is no time since 1970.
    """

    settings: ApiSource
    before: Cursor
    is_whole: bool
    """This reading asks for everything."""
    newest: float | None = None
    dated: int = 0
    read: int = 0

    @classmethod
    def after(cls, settings: ApiSource, cursor: Cursor | None) -> Watermark:
        same = cursor is not None and cursor.get("settings") == settings.fingerprint()
        sound = same and cursor is not None and cursor.get("newest", 0.0) >= 0.0  # NaN is not
        before = cursor if cursor is not None and sound else {}
        incremental, newest = settings.incremental, before.get("newest")
        is_whole = (
            incremental is None
            or newest is None
            or time.time() - before.get("whole_at", 0.0) >= incremental.whole_every_s
        )
        return cls(settings, before, is_whole, newest)

    def params(self) -> dict[str, str | int]:
        incremental = self.settings.incremental
        if incremental is None or self.is_whole:
            return {}
        return {incremental.param: _spelled(max(0.0, self.before["newest"] - incremental.overlap_s), incremental)}

    def conditions(self) -> dict[str, str]:
        """Headers that ask for an answer only where it differs; only where one answer was the whole of it."""
        if self.before.get("asked") != self._asked():
            return {}
        validators = self.before.get("validators", {})
        return {VALIDATORS[name]: value for name, value in validators.items() if name in VALIDATORS}

    def see(self, record: Mapping[str, Any]) -> None:
        """Note when a record changed. One that says nothing of it does not move the mark."""
        self.read += 1
        if self.settings.incremental is None:
            return
        at = _seconds(record, self.settings.incremental)
        if at is not None:
            self.dated += 1
            self.newest = max(self.newest or at, at)

    def cursor(self, first: Response | None, n_pages: int, unchanged: bool, may_move: bool) -> Cursor:
        """The cursor after a reading that ended well. ``may_move`` is false where a record changed under it.

        Raises ``HttpError`` where records came and none said when it changed: the mark would never move.
        """
        if unchanged:
            return {**self.before, "whole_at": time.time()} if self.is_whole else self.before
        incremental = self.settings.incremental
        if incremental and self.read and not self.dated:
            raise HttpError(f"no record has a time at {incremental.field!r}", "mend incremental.field or its format")
        after: dict[str, Any] = {"settings": self.settings.fingerprint()}
        began = _server_time(first)
        if incremental:
            after["whole_at"] = began if self.is_whole else self.before["whole_at"]
            newest = self.newest if may_move else self.before.get("newest")
            if newest is not None:
                after["newest"] = min(newest, began)  # a record from the future must not hide what comes until then
        if first is not None and n_pages == 1 and may_move:
            after["validators"] = {name: first.headers[name] for name in VALIDATORS if name in first.headers}
            after["asked"] = self._asked()
        return after

    def _asked(self) -> str:
        return hash_of("asked", *(f"{name}={value}" for name, value in sorted(self.params().items())))


def _server_time(first: Response | None) -> float:
    """When the listing began, by the server's clock: it is the server's times that are compared with it."""
    try:
        return parsedate_to_datetime(first.headers["Date"]).timestamp() if first is not None else time.time()
    except (KeyError, ValueError, TypeError, OverflowError):
        return time.time()


def _seconds(record: Mapping[str, Any], incremental: Incremental) -> float | None:
    """Seconds since 1970 of when a record says that it changed; ``None`` where it says no time.

    The year 1 is how some servers say none.
    """
    try:
        value = search(incremental.field, record)
        if incremental.format == "iso":
            at = datetime.fromisoformat(value)
            seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        else:
            seconds = float(value) / (1000 if incremental.format == "epoch_ms" else 1)
    except (HttpError, TypeError, ValueError, OverflowError):
        return None
    return seconds if 0.0 <= seconds < math.inf else None


def _spelled(at: float, incremental: Incremental) -> str | int:
    if incremental.format == "iso":
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return int(at * (1000 if incremental.format == "epoch_ms" else 1))
