"""The report of feedback as one self-contained page."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from penstock.reports import environment
from penstock.wording import PLURALS, count, listed

MOST_DOCUMENTS = 200
HEIGHT, WIDEST_STEP, FILLED = 160, 18.0, 0.78
WIDTH, AXIS, LABEL_WIDTH = 1080, 36, 80
"""A page is 1,132 pixels wide inside its margins: more bars are narrower."""


def page(report: Mapping[str, Any]) -> str:
    """HTML of what ``report.report`` returns; nothing is loaded from elsewhere."""
    template = environment().get_template("feedback.html")
    said = listed(report["volumes"]["feedback"], "Nobody has said anything yet.", PLURALS)
    course = chart(report["ratings"])
    return template.render(report=report, said=said, chart=course, most=MOST_DOCUMENTS, now=time.time())


def chart(periods: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Bars up and down from a common line, in pixels; as many labels as have room. A silence is an empty place."""
    up, down = (max((one[name] for one in periods), default=0) for name in ("up", "down"))
    unit = HEIGHT / max(up + down, 1)
    places = [nth + silences for nth, silences in enumerate(accumulate(one["silence_before"] > 0 for one in periods))]
    step = min(WIDEST_STEP, (WIDTH - AXIS - LABEL_WIDTH) / (places[-1] + 1 if places else 1))
    every = math.ceil(LABEL_WIDTH / step)
    bars = [
        {
            "x": round(AXIS + place * step, 2),
            "up": round(one["up"] * unit, 1),
            "down": round(one["down"] * unit, 1),
            "label": one["from"] if place % every == 0 else "",
            "title": f"{one['from']}: {count(one['ratings'], 'rating')}, {one['up']} up, {one['down']} down",
        }
        for place, one in zip(places, periods, strict=True)
    ]
    width = math.ceil(AXIS + (places[-1] + 1 if places else 0) * step + LABEL_WIDTH)
    ends = {"up": up, "down": down, "axis": AXIS}
    bar = round(step * FILLED, 2)
    return {"width": width, "height": HEIGHT, "zero": round(up * unit, 1), "bar": bar, "bars": bars, **ends}
