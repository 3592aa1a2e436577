"""Which model to tune, by what advice comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.purposes import Purpose
from penstock.triage.advice import Advice, Step

STEPS = {
    Purpose.EMBEDDER: Step.EMBEDDER,
    Purpose.RERANKER: Step.RERANKER,
    Purpose.GENERATOR: Step.GENERATOR,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What to tune, or why nothing is tuned now."""

    purpose: Purpose | None
    why: str


def choose(advice: Sequence[Advice], wanted: Purpose | None) -> Choice:
    """Tune what was asked for, or what would answer most complaints, if tuning is what the advice comes to. Pure."""
    asked = [wanted] if wanted else list(Purpose)
    by_step = {one.step: one for one in advice}
    pays = [one for one in asked if (mine := by_step.get(STEPS[one])) and mine.share > 0]
    if pays:
        best = max(pays, key=lambda one: by_step[STEPS[one]].share)
        return Choice(best, by_step[STEPS[best]].why)
    first = next((by_step[STEPS[one]] for one in asked if STEPS[one] in by_step), advice[0])
    return Choice(None, f"{first.step}: {first.why}")
