"""Whether another model would help at all: one pure decision over what was advised."""

from __future__ import annotations

import pytest

from penstock.purposes import Purpose
from penstock.retraining import Choice, choose, lease_name
from penstock.triage.advice import Advice, Step

ADD = Advice(Step.ADD, 0.5, "no document holds what was asked for")
EMBEDDER = Advice(Step.EMBEDDER, 0.3, "there are 700 questions")
RERANKER = Advice(Step.RERANKER, 0.4, "there are 900 passages")
TOO_FEW = Advice(Step.EMBEDDER, 0.0, "not yet: it takes 500 questions, 40 so far")
NOTHING = Advice(Step.NOTHING, 0.0, "nobody complained of 40 interactions")
SETTINGS = Advice(Step.SETTINGS, 0.6, "with vector_weight=0.7 they reach more")


@pytest.mark.parametrize(
    ("advice", "wanted", "chosen"),
    [
        ([ADD, EMBEDDER, RERANKER], None, Choice(Purpose.RERANKER, RERANKER.why)),
        ([ADD, EMBEDDER, RERANKER], Purpose.EMBEDDER, Choice(Purpose.EMBEDDER, EMBEDDER.why)),
        ([ADD, TOO_FEW], None, Choice(None, f"tune-embedder: {TOO_FEW.why}")),
        ([ADD, TOO_FEW], Purpose.EMBEDDER, Choice(None, f"no embedder is trained: {TOO_FEW.why}")),
        (
            [ADD, RERANKER],
            Purpose.EMBEDDER,
            Choice(
                None,
                "no embedder is trained: no complaint is of retrieval, which is what it would mend; what is advised is "
                f"add-documents: {ADD.why}",
            ),
        ),
        (
            [SETTINGS, ADD],
            Purpose.RERANKER,
            Choice(None, f"no reranker is trained: first change-settings: {SETTINGS.why}"),
        ),
        ([NOTHING], Purpose.GENERATOR, Choice(None, f"no generator is trained: nothing: {NOTHING.why}")),
        ([SETTINGS, ADD], None, Choice(None, f"change-settings: {SETTINGS.why}")),
    ],
)
def test_a_model_is_tuned_only_where_that_is_what_would_help(
    advice: list[Advice], wanted: Purpose | None, chosen: Choice
) -> None:
    assert choose(advice, wanted, {}) == chosen


def test_what_has_nothing_to_tune_stands_back_for_what_has() -> None:
    """A generator without a base would have failed each week, whatever else could have been tuned."""
    without = {Purpose.RERANKER: "no base is named"}
    assert choose([ADD, EMBEDDER, RERANKER], None, without) == Choice(Purpose.EMBEDDER, EMBEDDER.why)
    told = Choice(None, f"tune-reranker: {RERANKER.why}, and no base is named")
    assert choose([ADD, RERANKER], None, without) == told


def test_a_retraining_has_a_turn_of_its_own_which_every_catalog_can_name() -> None:
    names = {lease_name(one) for one in ("a", "b", "x" * 63)}
    assert len(names) == 3
    assert max(map(len, names)) <= 63
