"""Which model to tune, by what advice comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.purposes import Purpose
from penstock.triage.advice import MODELS, PURPOSES, Advice, Step

STEPS = {purpose: step for step, purpose in PURPOSES.items()}


@dataclass(frozen=True, slots=True)
class Choice:
    """What to tune, or why nothing is tuned now."""

    purpose: Purpose | None
    why: str


def choose(advice: Sequence[Advice], wanted: Purpose | None, without: Mapping[Purpose, str]) -> Choice:
    """Tune what was asked for, or what would answer most complaints, if tuning is what the advice comes to. Pure.

    ``without`` has, by purpose, why there is nothing to tune for it: another is tuned then, if that pays, too.
    """
    asked = [wanted] if wanted else list(Purpose)
    by_step = {one.step: one for one in advice}
    pays = [one for one in asked if (mine := by_step.get(STEPS[one])) and mine.share > 0]
    if pays:
        best = max(pays, key=lambda one: (one not in without, by_step[STEPS[one]].share))
        if best in without:
            return Choice(None, f"{STEPS[best]}: {by_step[STEPS[best]].why}, and {without[best]}")
        return Choice(best, by_step[STEPS[best]].why)
    if wanted:
        return Choice(None, f"no {wanted} is trained: {_why_not(advice, by_step, wanted)}")
    first = next((by_step[STEPS[one]] for one in asked if STEPS[one] in by_step), advice[0])
    return Choice(None, f"{first.step}: {first.why}")


def _why_not(advice: Sequence[Advice], by_step: Mapping[Step, Advice], wanted: Purpose) -> str:
    """Too few examples, settings that do the same for nothing, or that nobody complains of what it would mend."""
    if mine := by_step.get(STEPS[wanted]):
        return mine.why
    before = by_step.get(Step.SETTINGS)
    if before and wanted is not Purpose.GENERATOR:
        return f"first {before.step}: {before.why}"
    first = advice[0]
    if first.step in (Step.COLLECT, Step.NOTHING):
        return f"{first.step}: {first.why}"
    cause, _what = MODELS[STEPS[wanted]]
    return f"no complaint is of {cause}, which is what it would mend; what is advised is {first.step}: {first.why}"
