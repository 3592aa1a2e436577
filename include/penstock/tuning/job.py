"""What one training is handed, and what it hands back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penstock.errors import ModelError
from penstock.ids import fingerprint
from penstock.libraries import keep_off_the_hub
from penstock.progress import Progress
from penstock.settings import EmbedderSettings
from penstock.training.sets import TrainingSet
from penstock.tuning_settings import AnyRecipe

if TYPE_CHECKING:
    from penstock.tuning.tracking import Run


@dataclass(frozen=True, slots=True)
class Base:
    """The model that is tuned: as it is named, its folder, and the hash of what makes it what it is.

    ``root`` is where ``config.json`` and the weights lie: the folder, or one in it.
    """

    name: str
    folder: Path
    root: Path
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Job:
    """``folder`` is this training's own: checkpoints lie there until a model is kept. ``embedder`` is the index's."""

    index: str
    set: TrainingSet
    recipe: AnyRecipe
    base: Base
    embedder: EmbedderSettings
    folder: Path
    run: Run
    progress: Progress


@dataclass(frozen=True, slots=True)
class Tuned:
    """A model as it is kept, every file below ``folder``, and the figures of its training."""

    folder: Path
    figures: Mapping[str, Any]


def key(set_: TrainingSet, recipe: AnyRecipe, base: Base) -> str:
    """Names a training: the same set, recipe and base go on where a training that was killed stopped."""
    return fingerprint({"set": set_.id, "data": set_.data, "recipe": recipe.fingerprint(), "base": base.fingerprint})


def check_libraries() -> None:
    """Raise ``ModelError`` unless training is installed, and keep its libraries quiet."""
    try:
        keep_off_the_hub()
        import datasets
        import torch  # noqa: F401 - looked for
        import transformers
    except ImportError as error:
        raise ModelError(f"training is not installed ({error}); run `pip install penstock[train]`") from None
    warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # transformers' own word to itself
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
