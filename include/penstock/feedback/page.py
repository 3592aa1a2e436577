"""The report of feedback as one self-contained page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from penstock.reports import environment

MOST_DOCUMENTS = 200
HEIGHT, BAR, GAP = 160, 14, 4
LABEL_WIDTH = 80


def page(report: Mapping[str, Any]) -> str:
    """HTML of what ``report.report`` returns; nothing is loaded from elsewhere."""
    template = environment().get_template("feedback.html")
    return template.render(report=report, chart=_chart(report["ratings"]), most=MOST_DOCUMENTS, now=time.time())


def _chart(periods: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Bars up and down from a common line, in pixels; as many labels as have room."""
    up, down = (max((one[name] for one in periods), default=0) for name in ("up", "down"))
    unit = HEIGHT / max(up + down, 1)
    every = -(-LABEL_WIDTH // (BAR + GAP))
    bars = [
        {
            "x": nth * (BAR + GAP),
            "up": round(one["up"] * unit, 1),
            "down": round(one["down"] * unit, 1),
            "label": one["from"] if nth % every == 0 else "",
            "title": f"{one['from']}: {one['ratings']} ratings, {one['up']} up, {one['down']} down",
        }
        for nth, one in enumerate(periods)
    ]
    width = max(len(bars) * (BAR + GAP), LABEL_WIDTH)
    return {"width": width, "height": HEIGHT, "zero": round(up * unit, 1), "bar": BAR, "bars": bars}
