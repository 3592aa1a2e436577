"""When a better model is looked for, and who has the last word."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from penstock.schedules import Dates
from penstock.source_settings import Section


class RetrainSettings(Section):
    """Of one index. ``approval``: whether a person is asked before a challenger that passed the gate takes over."""

    schedule: Dates = "@weekly"
    approval: Literal["person", "auto"] = "person"
    after_feedback: int = Field(default=200, ge=1, description="so much that is new starts it between two dates")
    recipe: str | None = Field(default=None, description="of `recipes`; other purposes have the built-in one")
