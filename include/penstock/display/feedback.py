"""What was kept of questions, what an import made of each row, and the report of feedback."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN

BAD_SHOWN = 20
BAR_CELLS = 24
QUESTION_CHARS = 72


def imported(done: dict[str, Any]) -> None:
    """Print what became of each row, and the first of the bad ones with file, line and value."""
    paper.line((wording.count(done["rows"], "row"), STRONG))
    counts = {"taken in": done["taken"], "left out": done["left_out"], "of erased people": done["erased"]}
    counts["pruned before"] = done["pruned"]
    paper.rows([(name, f"{count:,}") for name, count in {**counts, "bad": len(done["bad"])}.items()], right=(1,))
    new = {"interaction": done["interactions"], "feedback": done["feedback"]}
    known = {"interaction": done["known_interactions"], "feedback": done["known_feedback"]}
    table = [
        ("new", wording.listed(new, plurals=wording.PLURALS)),
        ("known already", wording.listed(known, plurals=wording.PLURALS)),
    ]
    paper.rows([((name, QUIET), held) for name, held in table])
    for warning in done["warnings"]:
        paper.line("  ", (warning, WARN))
    for one in done["bad"][:BAD_SHOWN]:
        paper.line("  ", (f"{one['file']}:{one['line']}", WARN), "  ", one["problem"])
    if len(done["bad"]) > BAD_SHOWN:
        paper.line("  ", (f"and {len(done['bad']) - BAD_SHOWN:,} more; --json shows all", QUIET))


def feedback(found: dict[str, Any]) -> None:
    """Print the report: volumes, ratings over time, worst questions, topics, documents."""
    since = f" since {found['since'][:10]}" if found["since"] else ""
    paper.line((f"{found['index']}{since}", STRONG))
    _volumes(found["volumes"])
    if found["ratings"]:
        _heading("Ratings of answers")
        _ratings(found["ratings"])
    if found["worst"]:
        _heading("Worst questions")
        table = [
            (f"{one['mean']:+.2f}", f"{one['ratings']:,} rated", paper.shortened(_question(one), QUESTION_CHARS))
            for one in found["worst"]
        ]
        paper.rows(table, right=(0, 1))
    if found["topics"]:
        _heading("Unanswered topics")
        paper.rows([_topic(one) for one in found["topics"]], right=(0, 1))
    _documents(found["documents"])


def _topic(one: dict[str, Any]) -> tuple[str, ...]:
    wordings = wording.count(one["questions"], "wording")
    return f"{one['asked']:,} asked", wordings, paper.shortened(one["topic"], QUESTION_CHARS)


def _heading(words: str) -> None:
    paper.blank()
    paper.line((words, STRONG))


def _question(one: dict[str, Any]) -> str:
    return one["question"] or "(the question is not kept)"


def _volumes(found: dict[str, Any]) -> None:
    asked = wording.count(found["interactions"], "interaction")
    also = {name: found[wording.PLURALS.get(name, name)] for name in ("imported", "search", "answer", "refused")}
    paper.prose(f"{asked}  ", (wording.listed(also, plurals=wording.PLURALS), QUIET), hang=2)
    paper.prose(f"{found['with_feedback']:,} with feedback  ", (_kinds(found), QUIET), hang=2)


def _kinds(found: dict[str, Any]) -> str:
    mean = "" if found["mean_rating"] is None else f"; mean rating {found['mean_rating']:+.2f}"
    later = f"; {found['overtaken']:,} said otherwise later" if found["overtaken"] else ""
    return wording.listed(found["feedback"], plurals=wording.PLURALS) + mean + later


def _ratings(periods: list[dict[str, Any]]) -> None:
    most = max(one["ratings"] for one in periods)
    for one in periods:
        up, down = (round(BAR_CELLS * one[name] / most) for name in ("up", "down"))
        mean = "" if one["mean"] is None else f"{one['mean']:+.2f}"
        if one["silence_before"]:
            silent = wording.count(one["silence_before"], one["period"])
            paper.line("  ", (f"{silent} without a rating", QUIET))
        paper.line(
            "  ",
            (one["from"], QUIET),
            f" {one['ratings']:>6,} {mean:>6}  ",
            ("█" * up, GOOD),
            ("█" * down, BAD),
        )


def _documents(found: list[dict[str, Any]]) -> None:
    rated = [one for one in found if one["ratings"] or one["named_as_right"]][:BAD_SHOWN]
    if not rated:
        return
    _heading("Documents that were rated, the worst first")
    table = [
        (
            "" if one["mean"] is None else f"{one['mean']:+.2f}",
            f"{one['ratings']:,} rated",
            f"{one['shown']:,} shown",
            (f"named as right {one['named_as_right']} ×" if one["named_as_right"] else "", QUIET),
            one["document"],
        )
        for one in rated
    ]
    paper.rows(table, right=(0, 1, 2))
