"""Change that two windows do not show: what questions are about, and what creeps. Heavy: a model, river, on use.

Meanings are the questions' vectors, by the embedder of the release that is live. What creeps is found by ADWIN (Bifet
and Gavalda, "Learning from time-changing data with adaptive windowing", 2007; river), which reads the whole history;
since when is where two means part it best.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock import manifest
from penstock.embedding.base import Vectors
from penstock.monitoring.days import Asked
from penstock.platform import Platform
from penstock.recipe import Recipe

DELTA = 0.05
"""What ADWIN's bound lets a false cut cost at each step; docs/monitoring.md says how rare they are."""
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Turn:
    """A change that was seen on a day, and that began about another; means before it and since."""

    since: date
    seen: date
    before: float
    now: float

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "since": self.since.isoformat(), "seen": self.seen.isoformat()}


def turned(rows: Iterable[Asked], value: Callable[[Asked], float | None]) -> Turn | None:
    """The latest change of a value, where there is one. What one person did on one day is averaged: it counts once."""
    visits = _visits(rows, value)
    least, most = min((one for _, one in visits), default=0.0), max((one for _, one in visits), default=0.0)
    if least == most:
        return None
    from river import drift

    detector: Any = drift.ADWIN(delta=DELTA, clock=1)  # type: ignore[no-untyped-call]
    seen = None
    for day, one in visits:
        detector.update((one - least) / (most - least))
        seen = day if detector.drift_detected else seen
    if seen is None:
        return None
    values = np.asarray([one for _, one in visits])
    cut = _parted(values)
    return Turn(visits[cut][0], seen, float(values[:cut].mean()), float(values[cut:].mean()))


def _parted(values: NDArray[np.float64]) -> int:
    """The place that parts values best into two means, by least squares (Bai, "Least squares estimation of a shift",
    1994)."""
    n, before = np.arange(1, len(values)), values.cumsum()[:-1]
    gain = (before - n * values.mean()) ** 2 / (n * (len(values) - n))
    return int(gain.argmax()) + 1


def _visits(rows: Iterable[Asked], value: Callable[[Asked], float | None]) -> list[tuple[date, float]]:
    found: dict[tuple[date, str], list[float]] = defaultdict(list)
    for row in rows:
        one = value(row)
        if one is not None:
            found[row.day, row.who].append(one)
    return [(day, fmean(values)) for (day, _), values in found.items()]


def spread(rows: Sequence[Asked], most: int) -> list[Asked]:
    """At most so many of the rows whose text is kept, spread evenly over them."""
    told = [row for row in rows if row.query]
    places = np.unique(np.linspace(0, len(told) - 1, min(most, len(told))).astype(int))
    return [told[place] for place in places]


def meanings(platform: Platform, index: str, rows: Sequence[Asked]) -> Vectors | None:
    """Unit vectors of the questions, shape (len(rows), dimension); None where no release is live."""
    with platform.catalog.read() as connection:
        serving = manifest.serving(connection, index)
        if serving is None:
            return None
        generation = manifest.generation_row(connection, index, serving)
    embedder = platform.embedder(Recipe.of_generation(platform.settings, generation).embedder)
    texts = list(dict.fromkeys(str(row.query) for row in rows))
    places = {text: place for place, text in enumerate(texts)}
    return embedder.embed_documents(texts)[[places[str(row.query)] for row in rows]]
