"""Which part failed those who complained: the documents, their rights, the search, the ranking or the answer."""

from __future__ import annotations

from penstock.triage.advice import Advice, Step
from penstock.triage.advising import advice_for
from penstock.triage.causes import Cause, Evidence, Known, Standing, Verdict, decide
from penstock.triage.running import Judged, triage

__all__ = [
    "Advice",
    "Cause",
    "Evidence",
    "Judged",
    "Known",
    "Standing",
    "Step",
    "Verdict",
    "advice_for",
    "decide",
    "triage",
]
