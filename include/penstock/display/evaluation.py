"""How well an index answers: figures with their intervals, what moved, and the course over releases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import BAD, GOOD, QUIET, STRONG, WARN, Part
from penstock.wording import figure

BARS = "▁▂▃▄▅▆▇█"
MOST_NAMED = 12


def evaluated(found: dict[str, Any]) -> None:
    """Print the figures, what was not asked, and beside what it was compared with the questions that moved most."""
    set_ = found["questions"]
    paper.line(
        (f"{found['index']}, release {found['release']}, {found['settings']['mode']}", STRONG),
        (
            f"   {wording.count(set_['asked'], 'question')} of {set_['set']}, {wording.duration(found['seconds'])}",
            QUIET,
        ),
    )
    paper.rows([(name, figure(one)) for name, one in found["figures"].items()])
    for remark in found["remarks"]:
        paper.prose((remark, QUIET))
    _absent(found["absent"])
    if found["against"]:
        _against(found["against"], found)


def answers_evaluated(found: dict[str, Any]) -> None:
    """Print how well the answers cite and what was refused; what a model thinks of them below, marked as such."""
    set_ = found["questions"]
    asked = f"   {wording.count(set_['asked'], 'question')} of {set_['set']}, {wording.duration(found['seconds'])}"
    paper.line(
        (f"{found['index']}, release {found['release']}, answers by {found['generator']}", STRONG), (asked, QUIET)
    )
    paper.rows([(name, figure(one)) for name, one in found["figures"].items()])
    for remark in found["remarks"]:
        paper.prose((remark, QUIET))
    _absent(found["absent"])
    _reasons("not answered", found["failed"])
    if judge := found["judge"]:
        paper.blank()
        of = wording.count(judge["judged"], "answer")
        paper.prose((f"What {judge['model']} thinks of {of}: ", WARN), judge["meaning"])
        paper.rows([(name, figure(one)) for name, one in judge["figures"].items()])
        _reasons("no verdict", judge["unjudged"])


def _reasons(what: str, found: Mapping[str, int]) -> None:
    for why, count in found.items():
        paper.prose((f"{what}, {wording.count(count, 'question')}: ", WARN), why)


def _absent(absent: Mapping[str, str]) -> None:
    for why, group in groupby(sorted(absent, key=lambda id_: absent[id_]), lambda id_: absent[id_]):
        ids = list(group)
        paper.prose((f"not asked, {why}: ", WARN), _named(ids))


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - MOST_NAMED:,} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(ids[:MOST_NAMED]) + more


def _against(other: dict[str, Any], ours: dict[str, Any]) -> None:
    paper.blank()
    same = other["release"] == ours["release"]
    which = "the same release" if same else f"release {other['release']}"
    settings = wording.unlike(other["settings"], ours["settings"], instead=True)
    with_what = f" with {settings}" if settings else " with the same settings"
    score = f"{other['wins']} better, {other['losses']} worse, {other['ties']} alike"
    paper.line((f"Against {which}{with_what}", STRONG), (f"   {score}", QUIET))
    paper.rows([(name, (figure(one, signed=True), _style(one))) for name, one in other["change"].items()])
    if other["unpaired"]:
        paper.prose(
            (f"{wording.count(len(other['unpaired']), 'question')} could be asked of one of them only: ", QUIET),
            _named(other["unpaired"]),
        )
    for move in other["moved_most"]:
        paper.blank()
        style = GOOD if move["after"] > move["before"] else BAD
        change = (f"{move['before']:.2f} → {move['after']:.2f}  ", style)
        paper.prose(change, move["text"] or "interaction", (f"  ({move['question']})", QUIET))
        for name, ranked in (("before", move["ranked_before"]), ("after", move["ranked_after"])):
            marked = [f"*{key}" if key in move["answers"] else key for key in ranked]
            paper.prose((f"{name:<7}", QUIET), ", ".join(marked) or "nothing", indent=4, hang=7)


def _style(change: dict[str, Any]) -> str:
    if change["low"] is None or change["low"] <= 0 <= change["high"]:
        return QUIET
    return GOOD if change["mean"] > 0 else BAD


def history(found: list[dict[str, Any]]) -> None:
    """Print every evaluation of each set of questions; as bars the nDCG@10 of those asked in the way of the last.

    ``how`` says what an evaluation was asked with that the last one was not.
    """
    if not found:
        paper.line("Nothing was evaluated yet: ", paper.command("penstock evaluate INDEX QUESTIONS"))
    for name, group in groupby(
        sorted(found, key=lambda one: (one["set_name"], one["id"])), lambda one: one["set_name"]
    ):
        rows = list(group)
        paper.line((str(name), STRONG), (f"   nDCG@10  {_bars(rows)}", QUIET))
        usual = rows[-1]["settings"]
        head = ("when (UTC)", "release", "state", "asked by", "how", "questions", "nDCG@10", "R@1", "R@5")
        table: list[tuple[Part, ...]] = [tuple((one, QUIET) for one in head)]
        table += [
            (
                wording.when(one["at"]),
                str(one["release"]),
                one["state"] or "gone",
                one["via"],
                wording.unlike(one["settings"], usual) or "as the last",
                f"{one['asked']:,}",
                *(figure(one["figures"][name]) if name in one["figures"] else "" for name in head[6:7]),
                *(f"{one['figures'][name]['mean']:.3f}" if name in one["figures"] else "" for name in head[7:]),
            )
            for one in rows
        ]
        paper.rows(table, right=(1, 5))
        paper.blank()


def _bars(rows: list[dict[str, Any]]) -> str:
    usual = [one for one in rows if one["settings"] == rows[-1]["settings"]]  # other settings are no part of the course
    means = [one["figures"]["nDCG@10"]["mean"] for one in usual if "nDCG@10" in one["figures"]]
    return "".join(BARS[min(int(mean * len(BARS)), len(BARS) - 1)] for mean in means)
