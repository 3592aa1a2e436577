"""Real questions: those of one authority's pages are told from another's, and an authority's own are not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator

from penstock.embedding import Vectors, open_embedder
from penstock.monitoring.alarms import alpha
from penstock.monitoring.windows import Difference, Sample, drifted
from penstock.monitoring_settings import MonitoringSettings
from penstock.settings import EmbedderSettings

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
FEEDBACKQA = Path(os.environ.get("PENSTOCK_BENCH_DATA") or SHARED) / "feedbackqa"
SETTINGS = MonitoringSettings()
MOST = 600


@pytest.fixture(scope="module")
def questions() -> dict[str, Vectors]:
    model = open_embedder(EmbedderSettings())
    texts = {
        site: [json.loads(line)["text"] for line in (FEEDBACKQA / site / "queries.jsonl").open()]
        for site in ("WHO", "CDC")
    }
    return {site: model.embed_documents(found[:: -(-len(found) // MOST)]) for site, found in texts.items()}


def window(questions: dict[str, Vectors], rng: Generator, people: int, site: str) -> Sample:
    """Each of the people asks one question or a few of a site."""
    who = np.repeat(np.arange(people), 1 + rng.poisson(1.0, people))
    chosen = questions[site][rng.integers(0, len(questions[site]), len(who))]
    return Sample(chosen.astype(np.float64), [str(one) for one in who])


def is_alarm(found: Difference) -> bool:
    return found.p <= alpha(SETTINGS) and found.size > SETTINGS.max_question_drift


@pytest.mark.long
@pytest.mark.skipif(not FEEDBACKQA.exists(), reason=f"FeedbackQA is not there: {FEEDBACKQA}")
def test_another_sites_questions_are_an_alarm_and_the_same_sites_are_none(questions: dict[str, Vectors]) -> None:
    """120 people ask of the WHO's pages, then 80 others of the CDC's, or of the WHO's as before."""
    rng = np.random.default_rng(1)
    found = {
        site: [
            drifted(window(questions, rng, 120, "WHO"), window(questions, rng, 80, site), alpha(SETTINGS))
            for _ in range(50)
        ]
        for site in ("WHO", "CDC")
    }
    assert sum(map(is_alarm, found["WHO"])) == 0
    assert sum(map(is_alarm, found["CDC"])) >= 45
