"""Retrieval first: a model is advised only for what no document, right or setting answers, and with enough examples."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from penstock.promotion.gains import Gain
from penstock.triage.advice import MODELS, Findings, Step, Tried, advise
from penstock.triage.causes import Cause

NEEDED = dict.fromkeys(MODELS, 500)
QUIET = Findings(40, {}, (), (), (), {}, NEEDED)
BETTER = Gain(0.04, 0.01, 0.07, level=0.99, p=0.0005, minimum=0.0, resolvable=0.03, n=80, groups=60)


def steps(found: Findings) -> list[Step]:
    return [one.step for one in advise(found) if one.share]


def test_nobody_complained() -> None:
    (one,) = advise(QUIET)
    assert (one.step, one.why) == (Step.NOTHING, "nobody complained of 40 interactions")


def test_complaints_without_a_word_ask_for_words() -> None:
    (one,) = advise(replace(QUIET, causes={Cause.UNCLEAR: 7}))
    assert one.step is Step.COLLECT
    assert one.why.startswith("of 7 complaints nobody said what would have been right; ask for corrections")


def test_what_most_complaints_are_about_comes_first() -> None:
    causes = {Cause.MISSING: 2, Cause.STALE: 5, Cause.ACCESS: 3}
    assert steps(replace(QUIET, causes=causes)) == [Step.MEND, Step.RIGHTS, Step.ADD]


def test_what_was_mended_since_is_no_complaint_to_answer_any_more() -> None:
    found = replace(QUIET, causes={Cause.MISSING: 2, Cause.STALE: 5}, served_by_now=4)
    assert steps(found) == [Step.ADD, Step.MEND]
    mend = next(one for one in advise(found) if one.step is Step.MEND)
    assert mend.share == 1 / 7
    assert mend.why == "what was asked for is there, and was not served; of 4 complaints it is by now"


def test_settings_that_are_surely_better_come_before_the_models_that_would_do_the_same() -> None:
    found = replace(
        QUIET,
        causes={Cause.RETRIEVAL: 5, Cause.RANKING: 3, Cause.BEHAVIOUR: 1},
        tried=(Tried("vector_weight=0.7", BETTER), Tried("mode=text", replace(BETTER, mean=0.09, p=0.02))),
        examples=dict.fromkeys(MODELS, 900),
    )
    assert steps(found) == [Step.SETTINGS, Step.GENERATOR]
    assert advise(found)[0].why == (
        "with vector_weight=0.7 the logged questions reach an nDCG@10 higher by +0.040 [+0.010, +0.070]"
    )
    assert steps(replace(found, tried=())) == [Step.EMBEDDER, Step.RERANKER, Step.GENERATOR]


def test_too_few_examples_are_counted_and_nothing_is_tuned() -> None:
    found = replace(QUIET, causes={Cause.BEHAVIOUR: 9}, examples={Step.GENERATOR: 120})
    assert steps(found) == []
    assert "not yet: it takes 500 answers that were corrected or well rated, and that passages bear, 120 so far" in [
        one.why for one in advise(found)
    ]


def test_where_nothing_may_be_learned_the_reason_stands_in_place_of_a_number() -> None:
    found = replace(QUIET, causes={Cause.BEHAVIOUR: 9}, refused="1 person said all that there is to learn from")
    (one,) = advise(found)
    assert (one.share, one.why) == (0.0, "not yet: 1 person said all that there is to learn from")


@given(
    st.dictionaries(st.sampled_from(Cause), st.integers(0, 50)),
    st.dictionaries(st.sampled_from(list(MODELS)), st.integers(0, 1_000)),
)
def test_no_model_is_advised_without_its_complaints_and_its_examples(
    causes: dict[Cause, int], examples: dict[Step, int]
) -> None:
    for one in advise(replace(QUIET, causes=causes, examples=examples)):
        if one.step in MODELS and one.share:
            assert causes[MODELS[one.step][0]] > 0
            assert examples[one.step] >= NEEDED[one.step]


def test_complaints_without_evidence_are_asked_about_beside_those_that_are_clear() -> None:
    found = advise(replace(QUIET, causes={Cause.BEHAVIOUR: 2, Cause.UNCLEAR: 4}))
    assert [one.step for one in found] == [Step.GENERATOR, Step.COLLECT]
    words = "of 4 complaints nobody said what would have been right; ask for corrections, or for the right passage"
    assert (found[-1].why, found[-1].share) == (words, 0.0)
