"""The way back: from what people said of the answers to a model that serves, or to the reason why none is trained.

triage → training set → ready? → train → compare → gate → approval → promote. ``retrain`` goes it in one process; each
step is a function of the run's number, which the tasks of a DAG call one by one. A step that finds a reason to stop
closes the run as refused, with that reason: that is how most runs end, and nothing is wrong with it. What a step found
stands in the run's row: one that is tried again after it got to its end does nothing twice.

A run holds no lease of its index while it trains, so that the index is synced every night all the same; it holds one of
its own, so that there is one retraining of an index at a time.

``bookkeeping`` has a run's row and its turn, ``choosing`` what to tune, ``steps`` the way itself.
"""

from __future__ import annotations

from penstock.retraining.bookkeeping import KIND, begin, closing, end, facts_of, lease_name, new_feedback, working
from penstock.retraining.choosing import Choice, choose
from penstock.retraining.steps import UNASKED, assemble, decide, judge, look, retrain, tune, wait
from penstock.retraining.telling import question, told

__all__ = [
    "KIND",
    "UNASKED",
    "Choice",
    "assemble",
    "begin",
    "choose",
    "closing",
    "decide",
    "end",
    "facts_of",
    "judge",
    "lease_name",
    "look",
    "new_feedback",
    "question",
    "retrain",
    "told",
    "tune",
    "wait",
    "working",
]
