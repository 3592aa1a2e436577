"""What a retraining found, for whoever looks at it or has to decide."""

from __future__ import annotations

from typing import Any

from penstock import runs, wording
from penstock.platform import Platform
from penstock.retraining.bookkeeping import facts_of


def told(platform: Platform, run: int) -> dict[str, Any]:
    """What a retraining found, as far as it got: ``comparison`` is that of its model, with every figure."""
    from penstock.promotion.comparing import kept

    report, facts = runs.report(platform, run), facts_of(platform, run)
    number = facts.get("comparison")
    found = {name: facts.get(name) for name in ("purpose", "why", "set", "model")}
    found["examples"] = report.counts.get("examples")
    return {**found, "comparison": kept(platform, report.index, number).to_dict() if number else None}


def question(platform: Platform, run: int) -> dict[str, str]:
    """What a person is asked: subject and body, the body as Markdown."""
    from penstock.promotion.comparing import kept

    report, facts = runs.report(platform, run), facts_of(platform, run)
    found = kept(platform, report.index, facts["comparison"])
    gain, means = found.report["gain"], found.report["means"]
    measured = f"{means['champion']:.3f} → {means['challenger']:.3f}, gain {wording.gain(gain)}"
    lines = [f"* {measured} on {gain['n']:,} test questions, look {found.look}"]
    lines += [
        f"* guard {name}: {wording.gain(one)}, may lose {one['tolerated']:g}"
        for name, one in found.report["guards"].items()
    ]
    lines += [f"* {name}: {one['value']:.3g}, at most {one['most']:g}" for name, one in found.report["limits"].items()]
    return {
        "subject": f"Should model {facts['model']} become the {facts['purpose']} of {report.index}?",
        "body": "\n".join([f"Why it was trained: {facts['why']}.", "", *lines, *_hurry(found.release)]),
    }


def _hurry(release: int | None) -> list[str]:
    if release is None:
        return []
    overtaken = "if a sync has superseded that by then, an approval has it compared again first"
    return ["", f"It goes live with release {release}, which it was judged on; {overtaken}."]
