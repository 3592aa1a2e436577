"""What a training will take, before it begins: memory after Korthikanti et al., time from the speed of a product.

"Reducing Activation Recomputation in Large Transformer Models", 2022, counts what a layer keeps of a token for the way
back. Measured on two cores with all-MiniLM-L6-v2 (batch 48, 128 tokens, three texts a row): 3.4 to 5.1 GB and 3 to 6 s
a step; estimated are 3.8 GB, and 9 s on cores that multiply at 150 GFLOPS. What a generator writes to be measured is
estimated as if no answer ended before its longest length.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ModelError, full_disk
from penstock.tuning_settings import AnyRecipe, GeneratorRecipe

FLOAT_BYTES = 4
LIBRARIES_MB = 700
"""What the process has before: torch and what stands on it."""
PRODUCT = 1024
SHARE_OF_PRODUCT = 0.6
"""How fast a training step is against one large product of matrices."""
CHECKPOINTS = 3
"""That lie on the disk at one time: the best, the last, and the one that is being written."""
LAYER_SECONDS = 0.002
"""What a layer with an adapter takes for each token that is written, however small it is: measured on two cores."""
READ_BYTES = 10e9
"""That a machine reads in a second, of the weights, for each token that is written."""


@dataclass(frozen=True, slots=True)
class Estimate:
    memory_mb: int
    minutes: float
    disk_mb: int
    steps: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Work:
    """What a training reads: ``rows`` of ``texts`` texts, none of more than ``tokens``.

    A generator, which chooses among ``words``, reads ``pairs`` of answers after that, and writes ``written`` tokens to
    be measured.
    """

    rows: int
    tokens: int
    texts: int = 1
    words: int = 0
    pairs: int = 0
    written: int = 0


def estimate(sizes: Mapping[str, Any], weights_bytes: int, recipe: AnyRecipe, work: Work, flops: float) -> Estimate:
    """``sizes`` as ``opening.sizes`` finds them; ``flops`` are what the machine computes in a second.

    >>> from penstock.tuning_settings import EmbedderRecipe
    >>> sizes = {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536}
    >>> estimate(sizes, 90_900_000, EmbedderRecipe(), Work(3355, 128, texts=3), 150e9)
    Estimate(memory_mb=3778, minutes=20.29, disk_mb=115, steps=140)
    """
    hidden, layers = int(sizes["hidden_size"]), int(sizes["num_hidden_layers"])
    wide = int(sizes["intermediate_size"])
    inside = layers * (4 * hidden**2 + 2 * hidden * wide) + hidden * work.words
    numbers = weights_bytes / FLOAT_BYTES
    tuned = numbers if recipe.method == "full" else layers * recipe.rank * (10 * hidden + 2 * wide)
    passes = 3 if recipe.method == "full" else 2  # forward, back; and the gradient of every weight
    steps = _steps(work.rows, recipe.batch, recipe.epochs)
    tokens = steps * recipe.batch * work.texts * work.tokens * passes
    texts = work.texts
    if work.pairs and isinstance(recipe, GeneratorRecipe):
        more = _steps(work.pairs, recipe.batch, recipe.prefer_epochs)
        texts = 2
        tokens += more * recipe.batch * texts * work.tokens * (passes + 1)  # once more, by the reference
        steps += more
    seconds = tokens * 2 * inside / (flops * SHARE_OF_PRODUCT)
    seconds += work.written * (layers * LAYER_SECONDS + weights_bytes / READ_BYTES)
    together = recipe.batch * texts * work.tokens
    kept = layers * (9 * hidden + 2 * wide) * together * FLOAT_BYTES  # of attention nothing, as torch computes it
    state = 3 * tuned * FLOAT_BYTES
    return Estimate(
        memory_mb=round((2 * weights_bytes + state + kept) / 1e6) + LIBRARIES_MB,
        minutes=round(seconds / 60, 2),
        disk_mb=round((CHECKPOINTS * state + weights_bytes) / 1e6),
        steps=steps,
    )


def _steps(rows: int, batch: int, epochs: float) -> int:
    return math.ceil(math.ceil(rows / batch) * epochs)


def check(found: Estimate, recipe: AnyRecipe, folder: Path) -> None:
    """Raise ``ModelError`` or ``DiskFullError`` where the training would not fit."""
    limit = recipe.max_memory_mb or free_memory_mb()
    if limit is not None and found.memory_mb > limit:
        raise ModelError(
            f"the training would take about {found.memory_mb:,} MB, and {limit:,} are allowed or free; "
            f"lower batch ({recipe.batch}) or max_length ({recipe.max_length}) in the recipe, or raise max_memory_mb"
        )
    if recipe.max_minutes is not None and found.minutes > recipe.max_minutes:
        raise ModelError(
            f"the training would take about {round(found.minutes, 1):g} min, and its recipe allows "
            f"{recipe.max_minutes:g} min; lower epochs ({recipe.epochs:g}) or batch, or raise max_minutes"
        )
    if shutil.disk_usage(folder).free < found.disk_mb * 1_000_000:
        raise full_disk(f"the training's folder {folder}")


def free_memory_mb() -> int | None:
    """Nine tenths of what is free, on the GPU where there is one; ``None`` where the system does not say."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0] * 0.9 / 1e6)
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return int(found["MemAvailable"] / 1024 * 0.9)


def machine_flops() -> float:
    """Of a product of two matrices with torch, on the device that will train; costs about a tenth of a second."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    one = torch.ones(PRODUCT, PRODUCT, device=device)
    float((one @ one).sum())
    began = time.perf_counter()
    float(sum((one @ one).sum() for _ in range(4)))
    return 4 * 2 * PRODUCT**3 / (time.perf_counter() - began)
