"""Where a section that exceeds the budget is cut: the cheapest division of all, not the first that fits.

Every seam has a price: for being there at all (few, well-filled chunks), for lying deep inside an element, for
parting text about the same thing, and a share drawn from the hash of the few letters on either side. The cheapest
division is found exactly, by dynamic programming. Since prices depend on nothing but the text at the seam, the
divisions of two versions of a section run together again a few chunks after an edit, as content-defined chunking does
(Muthitacharoen et al., LBFS, SOSP 2001), and unlike there nearly as few pieces are made as greedy packing would make.

The numbers below were chosen by ``benchmarks/chunking.py``; whoever changes one raises ``CHUNKER_REVISION``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from zlib import crc32

from penstock.chunking.units import Seam, Unit

AROUND = 24
"""Characters on either side of a seam that decide its chance: an edit further away leaves the price alone."""
CHANCE = 2.0
"""How much chance weighs against the one that each chunk costs. More resynchronises sooner and fills worse."""
SMALL = 2.0
"""What an empty chunk would cost in addition; falls to nothing at half the budget."""
DEPTH = {Seam.ELEMENT: 0.0, Seam.BLOCK: 0.25, Seam.LINE: 0.5, Seam.SENTENCE: 0.5, Seam.WORD: 1.0, Seam.TOKEN: 1.0}
LEAD_IN = 4.0
"""What it costs to part a line that ends in a colon from what it announces: more than any chance outweighs."""
COHESION = 10.0
"""What it costs to part two pieces of the same words; falls with the share that they have in common."""
NEAR = 250
"""Characters on either side of a seam that are compared for common words (cf. Hearst, TextTiling, 1997)."""
LONG_WORD = re.compile(r"\w{5,}")


def cut(text: str, units: Sequence[Unit], limit: int) -> list[Sequence[Unit]]:
    """Divide ``units``, the whole of a section, into runs of at most ``limit`` tokens; a unit over it stands alone."""
    if sum(unit.tokens for unit in units) <= limit:
        return [units]
    tokens = [unit.tokens for unit in units]
    headers = [unit.header_tokens for unit in units]
    few = limit / 2
    # best[at]: the price of the cheapest division of the units before ``at``, with that of the cut there
    best, came_from = [0.0], [0]
    for end in range(1, len(units) + 1):
        size, lowest, lowest_first = 0, math.inf, end - 1
        for first in range(end - 1, -1, -1):
            size += tokens[first]
            if size + headers[first] > limit and first < end - 1:
                if size > limit:
                    break
                continue
            cost = best[first]
            if size < few:
                cost += SMALL * (1 - size / few)
            if cost < lowest:
                lowest, lowest_first = cost, first
        best.append(lowest + (price(text, units, end) if end < len(units) else 0.0))
        came_from.append(lowest_first)
    runs, end = [], len(units)
    while end:
        runs.append(units[came_from[end] : end])
        end = came_from[end]
    return runs[::-1]


def price(text: str, units: Sequence[Unit], at: int) -> float:
    """What a cut in front of unit ``at`` costs."""
    before, after = units[at - 1], units[at]
    left = text[max(before.end - NEAR, units[0].start) : before.end]
    right = text[after.start : min(after.start + NEAR, units[-1].end)]
    chance = crc32(f"{left[-AROUND:]}\0{right[:AROUND]}".encode("utf-8", "surrogatepass")) / 2**32
    announced = LEAD_IN if left.endswith((":", "：")) else 0.0
    return 1.0 + CHANCE * chance + COHESION * _common(left, right) + DEPTH[after.seam] + announced


def _common(left: str, right: str) -> float:
    """The share of long words, 0 to below 1, that two stretches of text have in common."""
    ours, theirs = set(LONG_WORD.findall(left.lower())), set(LONG_WORD.findall(right.lower()))
    return len(ours & theirs) / (1 + min(len(ours), len(theirs)))
