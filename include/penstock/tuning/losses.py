"""The losses that are trained on, in which an example counts as much as its weight says. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers.sentence_transformer.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from penstock.settings import EmbedderSettings
from penstock.tuning.ranking import Pool, loss
from penstock.tuning_settings import EmbedderRecipe


class WeightedRanking(MultipleNegativesRankingLoss):  # type: ignore[misc]
    """Cross entropy of a question's own passage among all of the batch; ``labels`` are the weights, shape (batch,)."""

    def compute_loss_from_embeddings(self, embeddings: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        questions, passages = embeddings[0], torch.cat(embeddings[1:])
        scores = self.similarity_fct(questions, passages) * self.scale
        own = torch.arange(len(questions), device=scores.device)
        each = torch.nn.functional.cross_entropy(scores, own, reduction="none")
        return weighted(each, labels)


class Finding(BaseEvaluator):  # type: ignore[misc]
    """The validation loss over a pool: in batches the few questions would be told from others each time."""

    def __init__(self, over: Pool, embedder: EmbedderSettings, recipe: EmbedderRecipe) -> None:
        super().__init__()
        self._questions = [embedder.query_prompt + text for text in over.questions]
        self._passages = [embedder.document_prompt + text for text in over.passages]
        self._over, self._scale, self._batch = over, recipe.scale, recipe.batch

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        questions, passages = (
            model.encode(texts, batch_size=self._batch, normalize_embeddings=True, show_progress_bar=False)
            for texts in (self._questions, self._passages)
        )
        return {"loss": loss(questions @ passages.T, self._over, self._scale)}


def weighted(each: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean of the rows' losses, each counted by its weight."""
    weights = weights.to(each)
    return (each * weights).sum() / weights.sum()
