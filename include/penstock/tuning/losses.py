"""The losses that are trained on, in which an example counts as much as its weight says. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from sentence_transformers.sentence_transformer.evaluation import BaseEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from penstock.settings import EmbedderSettings
from penstock.tuning.ranking import Pool
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
    """The validation loss: cross entropy of each question's passages among all of a pool.

    In batches the few questions that there are would be told from others each time; and whether the right passage comes
    first says too little of so few.
    """

    def __init__(self, over: Pool, embedder: EmbedderSettings, recipe: EmbedderRecipe) -> None:
        super().__init__()
        self._questions = [embedder.query_prompt + text for text in over.questions]
        self._passages = [embedder.document_prompt + text for text in over.passages]
        self._scale, self._batch = recipe.scale, recipe.batch
        self._right = torch.zeros(len(over.questions), len(over.passages), dtype=torch.bool)
        for question, places in over.relevant.items():
            self._right[question, list(places)] = True

    def __call__(self, model: Any, *_: Any, **__: Any) -> dict[str, float]:
        with torch.no_grad():
            questions, passages = (
                model.encode(
                    texts,
                    batch_size=self._batch,
                    normalize_embeddings=True,
                    convert_to_tensor=True,
                    show_progress_bar=False,
                ).cpu()
                for texts in (self._questions, self._passages)
            )
            found = torch.log_softmax(self._scale * questions @ passages.T, dim=1)
            own = found.masked_fill(~self._right, -torch.inf)
            return {"loss": float(-torch.logsumexp(own, dim=1).mean())}


def weighted(each: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean of the rows' losses, each counted by its weight."""
    weights = weights.to(each)
    return (each * weights).sum() / weights.sum()
