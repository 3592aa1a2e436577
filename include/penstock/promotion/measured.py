"""What looking at champion and challenger side by side gave, whatever they are for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penstock.promotion.gains import Gain
from penstock.promotion.gate import Limit

ROUNDS, TEXTS = 5, 6


@dataclass(frozen=True)
class Sides:
    """``champion`` and ``challenger``: question → score from 0 to 1, of the questions that both were asked.

    ``guards`` as ``gate.decide`` takes them. ``stops`` say why the challenger cannot serve, whatever its gain.
    ``release`` is what the challenger built and was judged on; ``remarks`` say how to read the figures.
    """

    champion: Mapping[str, float]
    challenger: Mapping[str, float]
    guards: Mapping[str, tuple[Gain, float]] = field(default_factory=dict)
    limits: Mapping[str, Limit] = field(default_factory=dict)
    stops: Sequence[str] = ()
    release: int | None = None
    remarks: Sequence[str] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def differences(self) -> dict[str, float]:
        return {id_: self.challenger[id_] - self.champion[id_] for id_ in self.challenger if id_ in self.champion}


def latency(champion: Callable[[str], object], challenger: Callable[[str], object], texts: Sequence[str]) -> float:
    """The challenger's time by the champion's: of each text the shortest of several, since a busy machine only adds.

    They are asked in turns, so that what else runs slows both.
    """
    asked = texts[:TEXTS]
    champion(asked[0]), challenger(asked[0])  # what is compiled on use
    times = [[(_seconds(champion, text), _seconds(challenger, text)) for text in asked] for _ in range(ROUNDS)]
    best = [[min(of_round[nth][side] for of_round in times) for nth in range(len(asked))] for side in (0, 1)]
    return sum(best[1]) / max(sum(best[0]), 1e-9)


def _seconds(call: Callable[[str], object], text: str) -> float:
    began = time.perf_counter()
    call(text)
    return time.perf_counter() - began
