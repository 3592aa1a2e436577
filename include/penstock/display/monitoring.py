"""How an index does from day to day, for people."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN, Part

DAYS_SHOWN = 14
QUESTION_CHARS = 72
FORMATS = {"rating": "+.2f", "refused": ".1%", "score": ".3f", "confidence": ".3f"}


def watched(found: dict[str, Any]) -> None:
    """Print the last days, each signal against the days before, the last promotion, and the alarms."""
    windows = (
        f"{_day(found['recent'])} until {_day(found['until'])}, against the days from {_day(found['reference'])} on"
    )
    paper.line((found["index"], STRONG), f"  {windows}")
    if not found["days"]:
        paper.prose((f"Nothing was asked from {_day(found['since'])} until {_day(found['until'])}.", WARN))
    elif found["latest"] < found["recent"]:
        last = _day(found["latest"])
        paper.prose((f"Nothing was asked in these days, the last on {last}; --until looks at earlier ones.", WARN))
    _days(found["days"][-DAYS_SHOWN:])
    paper.blank()
    paper.rows([_change(one) for one in found["changes"]])
    for one in found["changes"]:
        if one["turn"]:
            name, turn = one["signal"], one["turn"]
            told = f"{_figure(name, turn['before'])} to {_figure(name, turn['now'])}"
            paper.line("  ", (f"{name} changed about {turn['since']}, from {told}", QUIET))
    if promoted := found["promoted"]:
        _promoted(promoted)
    paper.blank()
    _alarms(found)


def _day(moment: str) -> str:
    return moment[:10]


def _days(days: list[dict[str, Any]]) -> None:
    head = ("day", "asked", "people", "answers", "refused", "ratings", "rating", "score", "confidence")
    table: list[list[Part]] = [[(name, QUIET) for name in head]]
    for one in days:
        counts = [f"{one[name]:,}" for name in head[1:6]]
        table.append([one["day"], *counts, *(_figure(name, one[name]) for name in head[6:])])
    if days:
        paper.rows(table, right=range(1, len(head)))


def _figure(name: str, value: float | None) -> str:
    return "–" if value is None else format(value, FORMATS[name])


def _change(one: dict[str, Any]) -> tuple[Part, ...]:
    name = one["signal"]
    if one["untested"]:
        return name, ("not compared", QUIET), "", (one["untested"], QUIET)
    p = f"p {one['p']:.5f}" if one["p"] < 0.01 else f"p {one['p']:.2f}"
    by = f"{wording.count(one['people_before'], 'person', 'people')} before, {one['people']:,} now"
    moved = (
        f"{one['size']:.3f}" if name == "questions" else " → ".join(_figure(name, one[i]) for i in ("before", "now"))
    )
    return name, moved, p, (by, QUIET)


def _promoted(one: dict[str, Any]) -> None:
    paper.blank()
    days = wording.count(one["days"], "day")
    paper.line((f"{one['purpose']} {one['model']}", STRONG), f"  promoted on {_day(one['at'])}, {days} ago")
    rated = f"{one['n_before']:,} rated before, {one['n']:,} since"
    if one["untested"]:
        paper.line("  ", (f"ratings not compared: {one['untested']}", QUIET))
    else:
        moved = f"{_figure('rating', one['before'])} → {_figure('rating', one['now'])}"
        paper.line(f"  rating {moved}  p {one['p']:.5f}, {one['alpha']:.5f} is asked  ", (rated, QUIET))


def _alarms(found: dict[str, Any]) -> None:
    if not found["alarms"]:
        paper.line(("No alarm.", GOOD))
    for one in found["alarms"]:
        paper.line((one["signal"], BAD))
        paper.prose(one["why"], indent=4)
        if one["signal"] == "questions":
            asked = next(change["examples"] for change in found["changes"] if change["signal"] == "questions")
            for question in asked:
                paper.line("    - ", paper.shortened(question, QUESTION_CHARS))
        paper.hint("next", one["command"])
    if found["retrain"]:
        paper.line("The configuration asks for a new model now: monitoring.on_drift is retrain.")
