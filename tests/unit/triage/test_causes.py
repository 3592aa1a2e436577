"""One complaint, one cause: decided from the evidence alone, in the order in which an answer is made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.triage.causes import Cause, Evidence, Known, Standing, decide

SHOWN = Evidence(Known.CORRECTED, served=True, readable=True, shown=2, candidate=3, deep=3, depth=50)
CANDIDATE = replace(SHOWN, shown=None)
NO_CANDIDATE = replace(CANDIDATE, candidate=None, deep=70)
NOT_SERVED = Evidence(Known.NAMED, depth=50)


@pytest.mark.parametrize(
    ("seen", "cause", "why"),
    [
        (SHOWN, Cause.BEHAVIOUR, "it was shown, in place 2, and the answer was still bad"),
        (CANDIDATE, Cause.RANKING, "it was candidate 3 of 50, and was not shown"),
        (
            NO_CANDIDATE,
            Cause.RETRIEVAL,
            "it is served and was not among the 50 candidates; deeper it is in place 70",
        ),
        (
            replace(NO_CANDIDATE, deep=None),
            Cause.RETRIEVAL,
            "it is served and was not among the 50 candidates; deeper it is not found at all",
        ),
        (replace(NO_CANDIDATE, readable=False), Cause.ACCESS, "it is served, and whoever asked may not see it"),
        (
            replace(NO_CANDIDATE, readable=None, deep=4),
            Cause.ACCESS,
            "with all rights it is candidate 4 of 50; for whoever asked it was none",
        ),
        (replace(NO_CANDIDATE, readable=None), Cause.RETRIEVAL, None),
        (NOT_SERVED, Cause.MISSING, "no document holds it"),
        (
            replace(NOT_SERVED, standing=Standing.REMOVED),
            Cause.MISSING,
            "no document holds it any more: it was removed",
        ),
        (replace(NOT_SERVED, standing=Standing.ERASED), Cause.MISSING, None),
        (replace(NOT_SERVED, standing=Standing.QUARANTINED), Cause.STALE, "what holds it is quarantined"),
        (replace(NOT_SERVED, standing=Standing.WAITING), Cause.STALE, "what holds it is in a release that is not live"),
        (replace(NOT_SERVED, standing=Standing.SERVED_NOW), Cause.STALE, "what holds it is served by now"),
        (Evidence(Known.UNSAID), Cause.UNCLEAR, "nobody said what would have been right"),
        (Evidence(Known.UNSAID, confidence=0.02), Cause.UNCLEAR, None),
        (
            Evidence(Known.UNSAID, refused=True, confidence=0.02),
            Cause.MISSING,
            "it was refused, and nobody said what would be right; the whole index may answer it with a chance of 0.02",
        ),
        (Evidence(Known.UNSAID, refused=True, confidence=0.6), Cause.UNCLEAR, None),
    ],
)
def test_the_first_part_that_did_not_do_its_work_is_named(seen: Evidence, cause: Cause, why: str | None) -> None:
    verdict = decide(seen)
    assert verdict.cause is cause
    assert why is None or verdict.why == why


ranks = st.none() | st.integers(1, 200)
evidence = st.builds(
    Evidence,
    known=st.sampled_from(Known),
    refused=st.booleans(),
    served=st.booleans(),
    standing=st.sampled_from(Standing),
    readable=st.none() | st.booleans(),
    shown=ranks,
    candidate=ranks,
    deep=ranks,
    depth=st.integers(0, 200),
    confidence=st.none() | st.floats(0, 1),
)


@given(evidence)
def test_a_model_is_blamed_only_for_what_it_was_given(seen: Evidence) -> None:
    cause = decide(seen).cause
    assert (cause is Cause.BEHAVIOUR) == (seen.known is not Known.UNSAID and seen.shown is not None)
    if cause in (Cause.ACCESS, Cause.RETRIEVAL):
        assert seen.served
        assert seen.candidate is None
    if cause is Cause.ACCESS:
        assert seen.readable is not True
