"""The losses that are trained on, in which an example counts as much as its weight says. Imports torch."""

from __future__ import annotations

import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss


class WeightedRanking(MultipleNegativesRankingLoss):  # type: ignore[misc]
    """Cross entropy of a question's own passage among all of the batch; ``labels`` are the weights, shape (batch,)."""

    def compute_loss_from_embeddings(self, embeddings: list[torch.Tensor], labels: torch.Tensor) -> torch.Tensor:
        questions, passages = embeddings[0], torch.cat(embeddings[1:])
        scores = self.similarity_fct(questions, passages) * self.scale
        own = torch.arange(len(questions), device=scores.device)
        each = torch.nn.functional.cross_entropy(scores, own, reduction="none")
        return weighted(each, labels)


def weighted(each: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean of the rows' losses, each counted by its weight."""
    weights = weights.to(each)
    return (each * weights).sum() / weights.sum()
