"""The model's card: what it was made from and how, what it can do, and what it was not asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from penstock.training.splits import Split
from penstock.tuning.job import Job


def card(job: Job, figures: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """Markdown. It holds no text of an example."""
    recipe = job.recipe.model_dump(mode="json", exclude_none=True)
    counts = ", ".join(f"{len(job.set.of(split)):,} {split}" for split in Split)
    return "\n".join(
        [
            f"# {job.set.purpose} of index {job.index}",
            "",
            f"Tuned from `{job.base.name}` on training set `{job.set.id}` (examples: {counts}).",
            "It is a challenger: the figures below are of the validation split, which training and its choices looked",
            "at. Whether it is better is for `penstock compare` to say, on the frozen test split.",
            "",
            *section("Figures", figures),
            *section("Recipe", recipe),
            *section("Software", versions),
        ]
    )


def section(title: str, values: Mapping[str, Any]) -> list[str]:
    return [f"## {title}", "", *(f"- {name}: {json.dumps(value)}" for name, value in values.items()), ""]
