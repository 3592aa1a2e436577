"""Champions and challengers, for people."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import QUIET, STRONG


def compared(found: dict[str, Any]) -> None:
    """Print the verdict, the gain, then guards, limits and slices."""
    champion = found["champion"] or "the configured model"
    look = f"look {found['look']}" if found["look"] else "no look"
    paper.line((found["outcome"], STRONG), f"  {found['purpose']} {found['challenger']} against {champion}")
    paper.line((f"  comparison {found['comparison']}, test split of set {found['set']}, {look}", QUIET))
    for reason in found["reasons"]:
        paper.prose(reason, indent=2)
    for remark in found["remarks"]:
        paper.line("  ", (remark, QUIET))
    if "gain" not in found:
        return
    paper.blank()
    gain, means = found["gain"], found["means"]
    paper.line(f"  {means['champion']:.3f} → {means['challenger']:.3f}, gain ", (wording.gain(gain), STRONG))
    asked = f"{wording.count(gain['n'], 'example')} in {wording.count(gain['groups'], 'group')}"
    paper.line(f"  p {gain['p']:.4f}, {found['alpha']:.4f} is asked; {asked}")
    rows = [
        (f"guard: {name}", wording.gain(one), f"may lose {one['tolerated']:g}") for name, one in found["guards"].items()
    ]
    rows += [(name, f"{round(one['value'], 2):g}", f"at most {one['most']:g}") for name, one in found["limits"].items()]
    rows += [(name, wording.gain(one), f"{one['n']}") for name, one in found["slices"].items()]
    paper.rows(rows)
    if found["release"] and found["outcome"] == "promote":
        paper.blank()
        paper.line("  Publish it with its release: ", paper.command(f"penstock promote {found['index']} …"))


def models(found: dict[str, Any]) -> None:
    """Print who serves, then every model."""
    for purpose, one in found["champions"].items():
        trained = f"{one['trained']}, tuned here" if one["trained"] else "as configured"
        if not one["called"]:
            trained += ", and not called: the configuration does not name what it was tuned from"
        paper.line((purpose, STRONG), f"  {one['configured'] or 'none'}  ", (trained, QUIET))
    paper.blank()
    if not found["models"]:
        paper.line("No model was trained for this index yet.")
    for one in found["models"]:
        paper.line((one["model"], STRONG), f"  {one['purpose']}  {one['state']}")
        paper.line("    ", (f"tuned from {one['base']} on set {one['set']}, {one['size_bytes'] / 2**20:.1f} MB", QUIET))
        if one["gain"]:
            paper.line("    gain ", wording.gain(one["gain"]))
        for reason in one["reasons"]:
            paper.prose(reason, indent=4)
        serves = "it serves all the same" if one["state"] == "champion" else "it is not promoted any more"
        if one["restricted"]:
            learned = f"it learned {wording.count(one['restricted'], 'document')} that not all of the audience may read"
            paper.prose(f"{learned} any more: {serves}; train another", indent=4)
        if one["tainted"]:
            by = ", ".join(f"decision {number}" for number in one["tainted"])
            paper.prose(f"something that it learned was erased since ({by}): {serves}; train another", indent=4)
