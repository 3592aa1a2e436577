"""A model that was trained, for people."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import QUIET, STRONG


def trained(found: dict[str, Any]) -> None:
    """Print the challenger, its figures before and after, and what comes next."""
    figures, expected = found["figures"], found["estimate"]
    paper.line((f"challenger {found['id']}", STRONG), f"  {found['purpose']} of {found['index']}")
    paper.line(f"  tuned from {found['base']} on set {found['set_id']}, recipe {found['recipe']}")
    paper.blank()
    before, after = figures["before"], figures["after"]
    rows = [(name, value(before[name]), value(after[name])) for name in before if name in after]
    if "preferred before" in figures:
        preferred = value(figures["preferred before"]), value(figures["preferred after"])
        rows.append(("preferred, by preference tuning", *preferred))
    paper.rows([("on the validation split", "before", "after"), *rows], right=(1, 2))
    rest = {name: one for name, one in figures.items() if not isinstance(one, dict)}
    paper.line("  ", ("; ".join(f"{name} {one}" for name, one in rest.items()), QUIET))
    if figures.get("guard held") is False:
        paper.line("  no mix of the weights held the guard; the smallest was kept")
    took = f"expected were {expected['memory_mb']:,} MB and {wording.duration(60 * expected['minutes'])}"
    paper.line("  ", (f"{took}; MLflow run {found['tracking']}", QUIET))
    paper.blank()
    paper.hint("next", f"penstock compare {found['index']} {found['id']}")


def value(one: Any) -> str:
    """A figure, or the mean of one with an interval."""
    return f"{one['mean'] if isinstance(one, dict) else one:.3f}"
