"""Whether the gate keeps its promises: challengers are drawn, so that there is a truth to hold its verdicts against.

Questions come in groups, each with a difference between champion and challenger such as tuning makes: most are 0, the
others of either sign, and those of a group are alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.promotion import looks
from penstock.promotion.gains import by_group, gain, p_value
from penstock.promotion.gate import Outcome, decide

MOVED, DEVIATION, WITHIN = 0.45, 0.28, 0.5
"""Share of the questions whose figure moves at all, the deviation of a difference, and how much of it a group shares.

The deviation is that of FeedbackQA's questions, all-MiniLM-L6-v2 against a LoRA of it.
"""
GROUP = 3.0
"""Questions in a group, on average."""


def differences(random: np.random.Generator, n: int, shift: float = 0.0) -> tuple[NDArray[np.float64], list[str]]:
    """Of ``n`` questions the differences in nDCG@10, and their groups; ``shift`` is what is really gained."""
    groups = random.integers(0, max(int(n / GROUP), 2), n)
    shared, own = random.normal(size=int(n / GROUP) + 2)[groups], random.normal(size=n)
    scale = DEVIATION / MOVED**0.5
    drawn = scale * (WITHIN**0.5 * shared + (1 - WITHIN) ** 0.5 * own) * (random.random(n) < MOVED)
    return np.clip(drawn, -1, 1) + shift, [str(group) for group in groups]


def promoted(random: np.random.Generator, n: int, look: int = 1, shift: float = 0.0) -> bool:
    """Whether the gate lets it through. Of nearly all that are no better the p-value says enough, and is cheaper."""
    drawn, groups = differences(random, n, shift)
    alpha = looks.alpha(look)
    if p_value(by_group(drawn.tolist(), groups)[0], alpha) > alpha:
        return False
    return decide(gain(drawn.tolist(), groups, alpha), alpha, {}, {}, 100).outcome is Outcome.PROMOTE


def false_promotions(n: int, comparisons: int = 1_000, seed: int = 0) -> float:
    """The share of challengers that are no better and get through at their first look."""
    random = np.random.default_rng(seed)
    return sum(promoted(random, n) for _ in range(comparisons)) / comparisons


def false_sequences(n: int, sequences: int = 1_000, weeks: int = 20, seed: int = 1) -> float:
    """The share of sequences in which one challenger or more gets through, of so many that are all no better."""
    random = np.random.default_rng(seed)
    return sum(any(promoted(random, n, look) for look in range(1, weeks + 1)) for _ in range(sequences)) / sequences


def power(n: int, shift: float, look: int = 1, comparisons: int = 300, seed: int = 2) -> float:
    """The share of challengers that gain ``shift`` and get through."""
    random = np.random.default_rng(seed)
    return sum(promoted(random, n, look, shift) for _ in range(comparisons)) / comparisons
