"""What the configuration says of training sets: whose words may teach a model, how much each counts, what is enough."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from penstock.promotion_settings import PromotionSettings
from penstock.records import NOBODY
from penstock.source_settings import Section

Part = Annotated[float, Field(gt=0.0, le=1.0)]


class TrainingSettings(Section):
    """What a training set of an index is made from, and what tuning a model on it asks for.

    A model gives its readers what it was trained on, so only documents go in that every one of ``audience`` may read.
    ``negatives_below``: of the passages that a search finds, those count as no answer whose similarity to the question
    is less than this part of that of the right one (Moreira et al., "NV-Retriever", 2024); nearer ones may be right,
    and nobody has said so.
    """

    min_examples: int = Field(default=500, ge=1, description="of each kind, before a model is tuned on them")
    audience: tuple[str, ...] = Field(default=("public",), min_length=1, description="who will use the models")
    max_share_per_person: Part = Field(default=0.2, description="of what is taken into account, that one may have said")
    max_share_per_key: Part = Field(default=1.0, description="the same of an API key; lower it where there are several")
    implicit_weight: Part = Field(default=0.3, description="of what was only copied or cited; of words it is 1")
    negatives: int = Field(default=4, ge=0, le=50, description="passages that do not answer, of each question")
    negatives_below: Part = 0.95
    headings: int = Field(
        default=0, ge=0, description="sections that an embedder is to find by their headings, beside what people asked"
    )
    redact: bool = Field(default=False, description="take personal data out of what people wrote (extra train)")
    gate: PromotionSettings = PromotionSettings()

    @model_validator(mode="after")
    def _somebody_reads(self) -> Self:
        if NOBODY in self.audience:
            raise ValueError(f"audience names {NOBODY!r}, which is no reader: it marks what no one may see")
        return self
