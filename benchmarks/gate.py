"""How often the gate of promotion is taken in by luck, and how often it sees a gain that is there."""

from __future__ import annotations

from benchmarks.bench import Bench, Page, row

from penstock.promotion.simulating import DEVIATION, GROUP, MOVED, WITHIN, false_promotions, false_sequences, power

COMPARISONS, SEQUENCES, WEEKS = 1_000, 1_000, 20
SIZES, GAIN = (300, 1_000, 3_000), 0.03
DRAWN = 300
"""Comparisons of which each power is the share."""


def part(_bench: Bench) -> Page:
    yield from ("", "## The gate of promotion", "")
    first, sequences = false_promotions(300, COMPARISONS), false_sequences(300, SEQUENCES, WEEKS)
    yield (
        f"Drawn differences (deviation {DEVIATION}, {MOVED:.0%} of the questions move, groups of {GROUP:g} that share "
        f"{WITHIN:.0%} of it). Challengers that are no better: of {COMPARISONS:,} at a first look at 300 questions "
        f"**{first:.1%}** get through (2.5 % may); of {SEQUENCES:,} sequences of {WEEKS} such weekly "
        f"ones **{sequences:.1%}** let one through (5 % may)."
    )
    yield from ("", f"The share that gets through of {DRAWN} challengers that gain {GAIN:g}:", "")
    yield from (row("questions", "at the first look", "at the tenth"), "|---|---|---|")
    for n in SIZES:
        yield row(f"{n:,}", *(f"{power(n, GAIN, look, DRAWN):.0%}" for look in (1, 10)))
