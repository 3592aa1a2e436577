"""Figures of rankings that can be worked out by hand, their intervals, and two sides compared."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from penstock.errors import UsageError
from penstock.evaluation import Question, QuestionSet, asking, intervals, measures
from penstock.evaluation.asking import Side
from penstock.evaluation.comparing import compare
from penstock.evaluation.gate import change_gate, must_pass_gate
from penstock.evaluation.measuring import Measured, Result, figures
from penstock.settings import GateSettings, RetrievalSettings

SECOND = 1 / math.log2(3)
"""What an answer at the second place gains, beside one at the first."""


def test_measures_of_known_rankings() -> None:
    found = measures.by_question(
        {"first": {"a": 1}, "second": {"a": 1}, "two": {"a": 1, "b": 1}, "none": {"a": 1}, "unasked": {"a": 1}},
        {"first": ["a", "x"], "second": ["x", "a"], "two": ["b", "x", "a"], "none": ["x", "y"]},
    )
    zero = dict.fromkeys(measures.NAMES, 0.0)
    assert found["first"] == dict.fromkeys(measures.NAMES, 1.0)
    assert found["second"] == pytest.approx(
        {"nDCG@10": SECOND, "R@1": 0.0, "R@5": 1.0, "R@10": 1.0, "RR@10": 0.5}
    )  # fmt: skip
    assert found["two"] == pytest.approx(
        {"nDCG@10": 1.5 / (1 + SECOND), "R@1": 0.5, "R@5": 1.0, "R@10": 1.0, "RR@10": 1.0}
    )  # fmt: skip
    assert found["none"] == found["unasked"] == zero


def test_grades_are_gains_and_the_eleventh_counts_nothing() -> None:
    found = measures.by_question(
        {"grades": {"good": 3, "fair": 1}, "deep": {"a": 1}},
        {"grades": ["fair", "good"], "deep": [f"x{n}" for n in range(10)] + ["a"]},
    )
    assert found["grades"]["nDCG@10"] == pytest.approx((1 + 3 * SECOND) / (3 + SECOND))
    assert set(found["deep"].values()) == {0.0}


def test_the_order_given_counts_and_no_name_breaks_a_tie() -> None:
    for names in ("ab", "ba"):
        assert measures.by_question({"q": {names[0]: 1}}, {"q": list(names)})["q"]["R@1"] == 1.0


class TestIntervals:
    @pytest.mark.parametrize("effect", [0.0, 0.03])
    def test_they_cover_a_known_difference_about_as_often_as_they_say(self, effect: float) -> None:
        """Differences as they are: most questions alike, some better, some worse; mean ``effect``."""
        rng = np.random.default_rng(7)
        covered = 0
        for _ in range(200):
            moved = rng.random(120) < 0.3
            values = np.where(moved, rng.normal(effect / 0.3, 0.35, 120), 0.0)
            found = intervals.mean(list(values))
            assert found.low is not None
            assert found.high is not None
            covered += found.low <= effect <= found.high
        assert 0.90 <= covered / 200 <= 0.99

    def test_the_same_values_have_the_same_interval(self) -> None:
        values = list(np.random.default_rng(1).random(50))
        assert intervals.mean(values) == intervals.mean(values)

    def test_where_all_agree_there_is_no_luck_and_of_one_there_is_no_interval(self) -> None:
        assert intervals.mean([0.5, 0.5]) == intervals.Figure(0.5, 0.5, 0.5, 2)
        assert intervals.mean([0.5]) == intervals.Figure(0.5, None, None, 1)

    def test_scores_that_are_all_the_best_leave_room_for_one_that_is_not(self) -> None:
        """Wilson's ends, n / (n + z²), in Brown, Cai and DasGupta, "Interval Estimation", 2001."""
        assert intervals.score([1.0] * 10) == intervals.Figure(1.0, pytest.approx(10 / (10 + 1.959964**2)), 1.0, 10)
        assert intervals.score([0.0] * 10) == intervals.Figure(0.0, 0.0, pytest.approx(1 - 10 / (10 + 1.959964**2)), 10)
        assert intervals.score([0.5, 0.5]) == intervals.mean([0.5, 0.5])

    def test_many_values_have_one_too(self) -> None:
        found = intervals.mean([float(n % 2) for n in range(intervals.MANY)])
        assert (found.low, found.high) == pytest.approx((0.478, 0.522), abs=0.002)


def side(rankings: Mapping[str, str], answers: Mapping[str, str], **questions: bool) -> Measured:
    """A measured side whose documents have names of one letter: question → ranking, question → what answers it."""
    relevant = {id_: dict.fromkeys(named, 1) for id_, named in answers.items()}
    values = measures.by_question(relevant, {id_: list(ranked) for id_, ranked in rankings.items()})
    results = {
        id_: Result(tuple(ranked), relevant[id_], values[id_], tuple(relevant[id_])) for id_, ranked in rankings.items()
    }
    asked = tuple(Question(id_, f"{id_}?", {"a": 1}, must_pass=questions.get(id_, False)) for id_ in answers)
    return Measured(Side(1, RetrievalSettings()), QuestionSet("s", asked), results, {}, figures(results), 0.0)


ANSWERS = {"up": "a", "down": "a", "same": "a"}


def test_what_moved_most_comes_first() -> None:
    before = side({"up": "xa", "down": "ax", "same": "a"}, ANSWERS)
    after = side({"up": "ax", "down": "vwxya", "same": "a"}, ANSWERS)
    found = compare(after, before)
    assert [(move.question, move.after > move.before) for move in found.moves] == [("down", False), ("up", True)]
    assert (found.wins, found.losses, found.ties, found.unpaired) == (1, 1, 1, [])
    assert found.change["RR@10"].mean == pytest.approx((0.5 - 0.8) / 3)


def test_what_one_side_alone_holds_is_neither_praised_nor_blamed() -> None:
    """An answer that was added stands above the old one; one that was deleted stood there."""
    before = side({"added": "a", "deleted": "ba", "lost": "a"}, {"added": "a", "deleted": "ab", "lost": "a"})
    after = side({"added": "na", "deleted": "a", "new": "n"}, {"added": "an", "deleted": "a", "new": "n"})
    found = compare(after, before)
    assert (found.moves, found.ties, found.unpaired) == ([], 2, ["lost", "new"])
    assert found.change["R@1"].mean == 0.0


class TestVerdicts:
    def test_a_drop_that_may_be_luck_passes_and_one_beyond_it_does_not(self) -> None:
        names = {f"q{n}": "a" for n in range(30)}
        best = side(dict.fromkeys(names, "a"), names)
        one_down = side(dict.fromkeys(names, "a") | {"q7": "x"}, names)
        many_down = side(dict.fromkeys(names, "a") | {f"q{n}": "x" for n in range(8)}, names)
        lucky = change_gate(one_down, compare(one_down, best), 1, GateSettings())
        assert (lucky.passed, lucky.meaning) == (
            True,
            "30 golden questions, against release 1: 0 better, 1 worse, 29 alike; worse: q7",
        )
        assert not change_gate(many_down, compare(many_down, best), 1, GateSettings()).passed
        assert change_gate(many_down, compare(many_down, best), 1, GateSettings(max_golden_drop=0.5)).passed
        assert change_gate(best, compare(best, many_down), 1, GateSettings()).passed

    def test_every_question_that_must_pass_does(self) -> None:
        found = side({"up": "xa", "down": "x", "same": "a"}, ANSWERS, up=True, down=True)
        verdict = must_pass_gate(found)
        assert (verdict.passed, verdict.observed) == (False, "1 of 2 fail: down")

    def test_the_first_release_is_compared_with_nothing(self) -> None:
        verdict = change_gate(side({"up": "a"}, {"up": "a"}), None, None, GateSettings())
        assert (verdict.passed, verdict.observed) == (True, "nDCG@10 1.000")
        assert verdict.meaning == "1 golden question; no release is live to compare with"


class TestSettings:
    def test_some_are_written_otherwise(self) -> None:
        found = asking.changed(RetrievalSettings(), {"mode": "text", "vector_weight": "0.3", "collapse": "false"})
        assert found == RetrievalSettings(mode="text", vector_weight=0.3, collapse=False)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"mod": "text"}, "'mod' is no setting of retrieval; did you mean 'mode'?"),
            ({"mode": "magic"}, "mode=magic will not do; it is 'hybrid', 'vector' or 'text'"),
            ({"collapse": "maybe"}, "collapse=maybe will not do; it is true or false"),
            ({"candidates": "many"}, "candidates=many will not do; it is a whole number"),
            ({"vector_weight": "2"}, "vector_weight=2 will not do; it is less than or equal to 1"),
            ({"rerank": "best"}, "rerank=best: a reranker is configured in the file; here it can be switched off only"),
        ],
    )
    def test_what_will_not_do_is_named(self, changes: dict[str, str], said: str) -> None:
        with pytest.raises(UsageError) as caught:
            asking.changed(RetrievalSettings(), changes)
        assert str(caught.value) == said
