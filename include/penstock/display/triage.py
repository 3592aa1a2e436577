"""Which part failed whom, for people."""

from __future__ import annotations

from typing import Any

from penstock import wording
from penstock.display import paper
from penstock.display.paper import QUIET, STRONG

QUESTION_CHARS = 64
DETAILS = 5
COMPLAINTS = 20


def triaged(found: dict[str, Any]) -> None:
    """Print how often each part failed, then the newest complaints, each with the reason."""
    since = f" since {found['since'][:10]}" if found["since"] else ""
    asked, wrong = wording.count(found["interactions"], "interaction"), wording.count(found["complaints"], "complaint")
    paper.line((f"{found['index']}{since}", STRONG), f"  {asked}, {wrong}")
    counts = [(f"{count:,}", cause) for cause, count in found["causes"].items() if count]
    paper.rows(counts, right=(0,))
    verdicts = found["verdicts"]
    if len(verdicts) > COMPLAINTS:
        paper.line("  ", (f"the newest {COMPLAINTS} of them; --since shows fewer, --json all", QUIET))
    for one in verdicts[-COMPLAINTS:]:
        paper.blank()
        question = paper.shortened(one["question"] or "a question that was not kept", QUESTION_CHARS)
        paper.line("  ", (one["cause"], STRONG), f"  {question}")
        paper.prose(one["why"], indent=4)
        paper.line("    ", (f"interaction {one['interaction']}, release {one['release'] or 'not known'}", QUIET))


def advised(found: list[dict[str, Any]]) -> None:
    """Print the steps, what helps most first."""
    for one in found:
        share = f"{one['share']:.0%} of complaints" if one["share"] else ""
        paper.line((one["step"], STRONG if one["share"] else QUIET), f"  {share}".rstrip())
        paper.prose(one["why"], indent=4)
        for detail in one["details"][:DETAILS]:
            paper.line("    - ", paper.shortened(detail, QUESTION_CHARS))
