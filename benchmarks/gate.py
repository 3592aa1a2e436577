"""12: how often the gate of promotion is taken in by luck, and how often it sees a gain that is there.

Drawn, not trained: questions in groups, each with a difference between champion and challenger such as tuning makes
(most are 0, the others of either sign, alike within a group). So there is a truth to hold the verdicts against.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.bench import Bench, Page, row
from penstock.promotion import looks
from penstock.promotion.gains import by_group, gain, p_value
from penstock.promotion.gate import Outcome, decide

COMPARISONS, SEQUENCES, WEEKS = 1_000, 1_000, 20
SIZES, GAIN = (300, 1_000, 3_000), 0.03
DRAWN = 300
"""Comparisons of which each power is the share."""
MOVED, DEVIATION, WITHIN = 0.45, 0.28, 0.5
"""Share of questions whose figure moves at all, the deviation of a difference, and how much of it a group shares:
as FeedbackQA's questions did, all-MiniLM-L6-v2 against a LoRA of it."""
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
    """Whether the gate lets it through. Of nearly all that are no better the p-value says enough, in a tenth of the time
    that an interval takes."""
    drawn, groups = differences(random, n, shift)
    alpha = looks.alpha(look)
    if p_value(by_group(drawn.tolist(), groups)[0], alpha) > alpha:
        return False
    return decide(gain(drawn.tolist(), groups, alpha), alpha, {}, {}, 100).outcome is Outcome.PROMOTE


def false_promotions(n: int, comparisons: int = COMPARISONS, seed: int = 0) -> float:
    """The share of challengers that are no better and get through at their first look."""
    random = np.random.default_rng(seed)
    return sum(promoted(random, n) for _ in range(comparisons)) / comparisons


def false_sequences(n: int, sequences: int = SEQUENCES, weeks: int = WEEKS, seed: int = 1) -> float:
    """The share of sequences in which one challenger or more gets through, of so many that are all no better."""
    random = np.random.default_rng(seed)
    return sum(any(promoted(random, n, look) for look in range(1, weeks + 1)) for _ in range(sequences)) / sequences


def power(n: int, shift: float, look: int = 1, comparisons: int = DRAWN, seed: int = 2) -> float:
    """The share of challengers that gain ``shift`` and get through."""
    random = np.random.default_rng(seed)
    return sum(promoted(random, n, look, shift) for _ in range(comparisons)) / comparisons


def part(_bench: Bench) -> Page:
    yield from ("", "## 12. The gate of promotion", "")
    yield (
        f"Drawn differences (deviation {DEVIATION}, {MOVED:.0%} of the questions move, groups of {GROUP:g} that share "
        f"{WITHIN:.0%} of it). Challengers that are no better: of {COMPARISONS:,} at a first look at 300 questions "
        f"**{false_promotions(300):.1%}** get through (2.5 % may); of {SEQUENCES:,} sequences of {WEEKS} such weekly "
        f"ones **{false_sequences(300):.1%}** let one through (5 % may)."
    )
    yield from ("", f"The share that gets through of {DRAWN} challengers that gain {GAIN:g}:", "")
    yield from (row("questions", "at the first look", "at the tenth"), "|---|---|---|")
    for n in SIZES:
        yield row(f"{n:,}", *(f"{power(n, GAIN, look):.0%}" for look in (1, 10)))
