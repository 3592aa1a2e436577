"""How an index does from day to day, as one self-contained page."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penstock.reports import environment

WIDTH, HEIGHT, LEFT = 1080, 60, 56
COURSES = (
    ("asked", "asked", "%d"),
    ("refused", "refused, of the answers", "%.0f%%"),
    ("rating", "mean rating", "%+.2f"),
    ("score", "best passage's score", "%.2f"),
    ("confidence", "chance of an answer", "%.2f"),
)


@dataclass(frozen=True, slots=True)
class Course:
    """One figure over the days, in pixels: points are (x, y, what a pointer over them reads)."""

    title: str
    least: str
    most: str
    points: tuple[tuple[float, float, str], ...]


def page(found: Mapping[str, Any]) -> str:
    """HTML of ``Watched.to_dict()``; nothing is loaded from elsewhere."""
    days = found["days"]
    drawn = [asdict(one) for name, title, form in COURSES if (one := course(days, name, title, form)).points]
    template = environment().get_template("monitoring.html")
    size = {"width": WIDTH, "height": HEIGHT, "left": LEFT}
    return template.render(found=found, courses=drawn, now=time.time(), recent=_x(days, found["recent"][:10]), **size)


def course(days: Sequence[Mapping[str, Any]], name: str, title: str, form: str) -> Course:
    """The days that have such a figure; the axis goes from its least to its most."""
    values = [(day["day"], _value(day, name)) for day in days]
    known = [one for _, one in values if one is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    unit = HEIGHT / ((most - least) or 1)
    points = [
        (_x(days, day), round(HEIGHT - (one - least) * unit, 1), f"{day}: {form % one}")
        for day, one in values
        if one is not None
    ]
    return Course(title, form % least, form % most, tuple(points))


def _value(day: Mapping[str, Any], name: str) -> float | None:
    if name == "refused":
        return 100.0 * int(day["refused"]) / int(day["answers"]) if day["answers"] else None
    value = day[name]
    return None if value is None or not math.isfinite(value) else float(value)


def _x(days: Sequence[Mapping[str, Any]], day: str) -> float:
    """Where a day stands; one that is before or after all of them at an end."""
    place = sum(one["day"] < day for one in days)
    share: float = min(place / max(len(days) - 1, 1), 1.0)
    return round(LEFT + (WIDTH - LEFT - 8) * share, 1)
