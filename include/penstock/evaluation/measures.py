"""Measures of a ranking, each question by itself, as ``ir_measures`` computes them.

nDCG after Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with the grades as
gains; R is recall, RR the reciprocal rank of the first answer. What is ranked are documents, each at its best chunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NAMES = ("nDCG@10", "R@1", "R@5", "R@10", "RR@10")
MAIN = "nDCG@10"
"""What comparisons and gates go by."""
SPAN = "Span@10"
"""1 where the span of the answer stands in one of the first ten hits; only of questions that have one."""


def by_question(
    relevant: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Question → measure → value between 0 and 1, for every question of ``relevant``; one without a ranking has 0."""
    import ir_measures

    measures = {ir_measures.parse_measure(name): name for name in NAMES}
    qrels = (
        ir_measures.Qrel(question, document, grade)
        for question, grades in relevant.items()
        for document, grade in grades.items()
    )
    run = (
        ir_measures.ScoredDoc(question, document, -float(place))  # places differ, so no tie is broken by a name
        for question in relevant
        for place, document in enumerate(rankings.get(question, ()))
    )
    found: dict[str, dict[str, float]] = {question: dict.fromkeys(NAMES, 0.0) for question in relevant}
    for metric in ir_measures.iter_calc(list(measures), list(qrels), list(run)):
        found[metric.query_id][measures[metric.measure]] = float(metric.value)
    return found
