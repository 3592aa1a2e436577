"""The HTML page of an evaluation and of what came before it: self-contained, its plots inline SVG."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from penstock import reports, wording
from penstock.evaluation import measures
from penstock.evaluation.answering import AnswersEvaluated
from penstock.evaluation.documents import DELETED, UNANSWERABLE, UNKNOWN
from penstock.evaluation.keeping import history
from penstock.evaluation.measuring import Measured
from penstock.evaluation.running import Evaluated
from penstock.platform import Platform
from penstock.settings import RetrievalSettings

BINS = 10
REASONS = {
    DELETED: "its documents are not in the release any more, or not yet",
    UNKNOWN: "no source of the index ever listed its documents",
    UNANSWERABLE: "the set says that nothing answers it",
}


def page(platform: Platform, index: str, evaluated: Evaluated | None = None, set_name: str | None = None) -> str:
    """One page: an evaluation with what it was compared with, where there is one, and the course of the figures.

    ``set_name`` keeps the course to one set of questions.
    """
    before = courses(history(platform, index, set_name), platform.settings.index(index).retrieval)
    shown: dict[str, Any] = {"now": None, "against": None}
    if evaluated is not None:
        shown = _shown(evaluated)
    return str(
        reports.environment()
        .get_template("evaluation.html")
        .render(
            title=f"How well {index} answers",
            index=index,
            history=before,
            measures=(*measures.NAMES, measures.SPAN),
            reasons=REASONS,
            **shown,
        )
    )


def answers_page(graded: AnswersEvaluated) -> str:
    """The page of graded answers; what a model thinks of them stands apart, and is marked."""
    found = graded.to_dict()
    title = f"How {graded.index} answers"
    shown = reports.environment().get_template("answers.html")
    opinions = _rows((found["judge"] or {}).get("figures", {}))
    return str(
        shown.render(title=title, now=found, reasons=REASONS, figures=_rows(found["figures"]), opinions=opinions)
    )


def _rows(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
    return [(name, figure, "ours") for name, figure in figures.items()]


def _shown(evaluated: Evaluated) -> dict[str, Any]:
    now = evaluated.to_dict()
    against = now["against"]
    rows = _rows(now["figures"])
    bins = [("ours", spread(evaluated.ours))]
    if against is None or evaluated.theirs is None:
        return {"now": {**now, "mode": now["settings"]["mode"]}, "against": None, "rows": rows, "bins": bins}
    rows = [
        row
        for name, figure in now["figures"].items()
        for row in ((name, figure, "ours"), ("", against["figures"].get(name), "theirs"))
        if row[1] is not None
    ]
    bins.append(("theirs", spread(evaluated.theirs)))
    changes = [(name, one, _tone(one)) for name, one in against["change"].items()]
    ends = [abs(one[end]) for _, one, _ in changes for end in ("mean", "low", "high") if one[end] is not None]
    other = wording.unlike(against["settings"], now["settings"])
    name = f"release {against['release']}" + (f", {other}" if other else "")
    mine = wording.unlike(now["settings"], against["settings"])
    return {
        "now": {**now, "mode": mine or now["settings"]["mode"]},
        "against": {**against, "name": name},
        "rows": rows,
        "bins": bins,
        "changes": changes,
        "reach": max(*ends, 0.01) if ends else 1.0,
    }


def _tone(change: dict[str, Any]) -> str:
    if change["low"] is None or change["low"] <= 0 <= change["high"]:
        return "theirs"
    return "good" if change["mean"] > 0 else "bad"


def spread(side: Measured) -> list[int]:
    """How many questions have an nDCG@10 in each tenth from 0 to 1."""
    counts = [0] * BINS
    for result in side.results.values():
        counts[min(int(result.values[measures.MAIN] * BINS), BINS - 1)] += 1
    return counts


Course = tuple[str, Sequence[tuple[str, dict[str, Any]]], Sequence[dict[str, Any]]]


def courses(evaluations: Iterable[dict[str, Any]], configured: RetrievalSettings) -> list[Course]:
    """By set of questions: its name, the points of its plot, and its evaluations, the newest first.

    The plot has one point a release, the last evaluation of it as the index is configured: how a release answers other
    settings is no part of its course.
    """
    found: list[Course] = []
    for name, group in groupby(sorted(evaluations, key=lambda one: (one["set_name"], one["id"])), _set_name):
        rows = [{**one, "state": one["state"] or "gone", "how": how(one["settings"], configured)} for one in group]
        usual = {one["release"]: one for one in rows if not one["how"] and measures.MAIN in one["figures"]}
        points = [(str(number), usual[number]["figures"][measures.MAIN]) for number in sorted(usual)]
        found.append((name, points, rows[::-1]))
    return found


def _set_name(evaluation: dict[str, Any]) -> str:
    return str(evaluation["set_name"])


def how(settings: dict[str, Any], configured: RetrievalSettings) -> str:
    """What settings say otherwise than ``configured``; blank where nothing.

    >>> how({"mode": "text", "candidates": 50}, RetrievalSettings())
    'mode=text'
    """
    return wording.unlike(settings, configured.model_dump(mode="json"))
