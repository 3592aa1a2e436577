"""What watches a training: a loss that broke, time and memory that ran out, progress, curves. And when it stops."""

from __future__ import annotations

import math
import resource
import sys
import time
from typing import Any

from penstock.errors import ModelError
from penstock.tuning.job import Job

LOSSES = ("loss", "eval_loss")
CURVES = (*LOSSES, "learning_rate", "grad_norm")


def callbacks(job: Job, stage: str = "") -> list[Any]:
    """Early stopping on the validation loss, and a watch. ``stage`` goes before the names of the curves."""
    from transformers import EarlyStoppingCallback, TrainerCallback

    recipe, began = job.recipe, time.monotonic()

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            job.progress.stage(f"train {stage}".strip(), state.max_steps)
            job.progress.advance(state.global_step)

        def on_log(self, _args: Any, state: Any, _control: Any, logs: dict[str, Any], **_: Any) -> None:
            for name in LOSSES:
                check_loss(logs.get(name), state.global_step)
            job.run.curve(state.global_step, {stage + name: logs[name] for name in CURVES if name in logs})

        def on_step_end(self, _args: Any, state: Any, control: Any, **_: Any) -> None:
            job.progress.advance()
            check_memory(recipe.max_memory_mb, peak_mb())
            if recipe.max_minutes and time.monotonic() - began > recipe.max_minutes * 60:
                control.should_training_stop = True
            if control.should_training_stop or state.global_step >= state.max_steps:
                control.should_evaluate = control.should_save = True

    return [EarlyStoppingCallback(recipe.patience), Watch()]


def check_loss(value: float | None, step: int) -> None:
    """Raise ``ModelError`` for a loss that is no number any more."""
    if value is not None and not math.isfinite(value):
        raise ModelError(
            f"the loss is {value} at step {step}: the training is broken, and nothing of it is kept; "
            "lower learning_rate in the recipe, or look for texts that are broken"
        )


def check_memory(limit_mb: int | None, used_mb: int) -> None:
    if limit_mb is not None and used_mb > limit_mb:
        raise ModelError(
            f"the training took {used_mb:,} MB, and its recipe allows {limit_mb:,}; lower batch or max_length, "
            "or raise max_memory_mb"
        )


def peak_mb() -> int:
    """The most that this process ever had in memory; Linux counts it in kB, macOS in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most / (1 << 20 if sys.platform == "darwin" else 1 << 10))
