"""Whether a challenger takes the champion's place: only if it is surely better, and nowhere surely too bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from penstock import wording
from penstock.promotion.gains import Gain


class Outcome(StrEnum):
    """Stable names: they are stored and shown."""

    PROMOTE = "promote"
    KEEP = "keep-champion"
    TOO_FEW = "too-few-examples"


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure that may not pass a limit: milliseconds, megabytes."""

    value: float
    most: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reasons`` say why the champion stays, each with its figures; none where it is replaced."""

    outcome: Outcome
    reasons: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def decide(
    gain: Gain,
    alpha: float,
    guards: Mapping[str, tuple[Gain, float]],
    limits: Mapping[str, Limit],
    min_examples: int,
) -> Verdict:
    """``guards``: by name the gain on a guard set and the loss that is tolerated there. Pure.

    A gain counts where luck would do as well with no more than the chance ``alpha`` and its whole interval lies above
    the minimum; a guard holds where its whole interval lies above the tolerated loss.
    """
    if gain.n < min_examples:
        few = f"{gain.n} examples are fewer than {min_examples}; they would show a gain of {gain.resolvable:.3f}"
        return Verdict(Outcome.TOO_FEW, (few,))
    reasons = [*_of_the_gain(gain, alpha), *_of_the_guards(guards), *_of_the_limits(limits)]
    return Verdict(Outcome.KEEP if reasons else Outcome.PROMOTE, tuple(reasons))


def _of_the_gain(gain: Gain, alpha: float) -> list[str]:
    if gain.p <= alpha and gain.low > gain.minimum:
        return []
    figures = wording.gain(gain.to_dict())
    could = f"{gain.n} examples would show a gain of {gain.minimum + gain.resolvable:.3f}"
    if not gain.resolvable:
        could = f"each of {gain.n} examples says the same"
    if gain.mean <= 0:
        return [f"it is no better: {figures}; {could}"]
    if gain.mean <= gain.minimum:
        return [f"the gain of {figures} is less than the {gain.minimum:.3f} that is asked; {could}"]
    return [f"the gain of {figures} may be luck: p is {gain.p:.4f}, {alpha:.4f} is asked; {could}"]


def _of_the_guards(guards: Mapping[str, tuple[Gain, float]]) -> list[str]:
    return [
        f"on {name} it may lose more than {tolerated:.3f}: {wording.gain(one.to_dict())}"
        for name, (one, tolerated) in guards.items()
        if one.low <= -tolerated
    ]


def _of_the_limits(limits: Mapping[str, Limit]) -> list[str]:
    return [
        f"{name} is {round(one.value, 2):g}, at most {one.most:g} may be"
        for name, one in limits.items()
        if one.value > one.most
    ]
