"""Recipes: how a model is tuned, ``[recipes.NAME]`` in the configuration. Each purpose has one that is built in.

What is left out has the default of the purpose. The defaults are for a small encoder on two cores; nothing in them
depends on the machine, so that the same recipe gives the same model wherever torch computes the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from penstock.source_settings import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class RecipeBase(Section):
    """What every recipe says.

    ``base`` is a local folder, ``package:NAME``, or ``trained:ID``. ``learning_rate`` is by default that of the
    method. Training stops early when ``patience`` evaluations in turn found no lower loss on the validation split.
    """

    base: str | None = Field(default=None, description="the model to tune; none: the one of the index")
    method: Literal["lora", "full"] = Field(default="lora", description="a small adapter, or every weight")
    rank: int = Field(default=16, ge=1, le=512, description="of the adapter")
    learning_rate: float | None = Field(default=None, gt=0)
    epochs: float = Field(default=2.0, gt=0, le=100)
    warmup: Share = Field(default=0.1, description="of the steps, in which the learning rate rises")
    batch: int = Field(default=48, ge=2, le=4096)
    max_length: int = Field(default=128, ge=8, description="tokens of a text that training reads")
    seed: int = Field(default=0, ge=0, lt=2**32)  # what NumPy takes, whom transformers hands it to
    evaluations: int = Field(default=2, ge=1, le=100, description="on the validation split, an epoch")
    patience: int = Field(default=3, ge=1)
    max_memory_mb: int | None = Field(default=None, ge=64, description="none: nine tenths of what the machine has free")
    max_minutes: float | None = Field(default=None, gt=0, description="none: no limit")

    def rate(self) -> float:
        """The learning rate; of full tuning a tenth, since there every weight moves."""
        return self.learning_rate or (5e-4 if self.method == "lora" else 5e-5)


class EmbedderRecipe(RecipeBase):
    """``replay`` and ``guard`` are JSONL, a ``question`` and the ``passage`` that answers it a line.

    Pairs to replay are trained on among the others, so that what the model knew is not forgotten. The tuned weights are
    then mixed with those of the base (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): ``mixes`` are
    the shares of the tuned ones to try. The lowest loss on the validation split wins among those that lose no more than
    ``max_guard_drop`` on the guard. A line of the guard without a question is a passage that only stands in the way.
    """

    purpose: Literal["embedder"] = "embedder"
    negatives: int = Field(default=2, ge=0, le=8, description="mined ones of each question, beside those of the batch")
    scale: float = Field(default=20.0, gt=0, description="of cosines, before their softmax: 1 / temperature")
    replay: Path | None = None
    mixes: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = Field(default=(0.4, 0.6, 0.8, 1.0), min_length=1)
    guard: Path | None = None
    max_guard_drop: Share = Field(default=0.01, description="of nDCG@10 on the guard, against the base")


class RerankerRecipe(RecipeBase):
    """Each passage of a question is read together with it; ``batch`` counts such pairs."""

    purpose: Literal["reranker"] = "reranker"
    batch: int = Field(default=16, ge=2, le=4096)
    max_length: int = Field(default=256, ge=8)
    passages: int = Field(default=4, ge=2, le=64, description="of a question, the best and the hardest")


class GeneratorRecipe(RecipeBase):
    """``base`` is a folder with a chat model. After answers that were right come pairs of preference (DPO).

    ``beta`` holds the model near what it was before those (Rafailov et al., 2023).
    """

    purpose: Literal["generator"] = "generator"
    batch: int = Field(default=8, ge=1, le=4096)
    max_length: int = Field(default=4096, ge=8)
    prefer: bool = Field(default=True, description="whether pairs of preference are trained on, where there are any")
    prefer_epochs: float = Field(default=1.0, gt=0, le=100)
    beta: float = Field(default=0.1, gt=0)
    answer_tokens: int = Field(default=512, ge=1, description="of an answer that is written to be measured")
    measured: int = Field(default=50, ge=1, description="validation prompts that are answered to be measured")
    four_bit: bool = Field(default=True, description='the base in 4 bits, where a GPU is; never with method = "full"')
    merge: bool = Field(default=True, description="keep the merged weights beside the adapter")


AnyRecipe = EmbedderRecipe | RerankerRecipe | GeneratorRecipe
RECIPES: Mapping[str, type[AnyRecipe]] = {
    "embedder": EmbedderRecipe,
    "reranker": RerankerRecipe,
    "generator": GeneratorRecipe,
}
"""By the ``purpose`` that the configuration names."""
RecipeSettings = Annotated[AnyRecipe, Field(discriminator="purpose")]
