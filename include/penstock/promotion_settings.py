"""What the configuration says of the gate that a challenger must pass."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from penstock.source_settings import Section

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class GuardSettings(Section):
    """A BEIR folder of another domain, with its corpus, on which a challenger may not lose much."""

    path: Path
    split: str = Field(default="test", min_length=1)
    max_loss: Share = Field(default=0.02, description="of nDCG@10; refused where the interval reaches beyond it")


class PromotionSettings(Section):
    """What a challenger must show. Of nDCG@10, of a generator of the score of its answers, both from 0 to 1."""

    min_gain: Share = Field(default=0.0, description="the whole interval of the gain must lie above it")
    min_test_examples: int = Field(default=100, ge=2, description="with fewer nothing is compared")
    max_golden_loss: Share = Field(default=0.05, description="on the golden questions of the index")
    guards: dict[str, GuardSettings] = Field(default={})
    max_latency_ratio: float = Field(default=1.5, gt=0, description="of the challenger's time to the champion's")
    max_size_mb: float = Field(default=4096.0, gt=0, description="of the challenger's files")
