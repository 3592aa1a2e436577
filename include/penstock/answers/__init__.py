"""Answers with exact citations, or an honest "not in the index": ``pipeline.ask``; ``recorded`` keeps them."""

from __future__ import annotations

from penstock.answers.pipeline import Claimed, Ended, Event, Reading, ask, last, stream
from penstock.answers.recording import recorded
from penstock.answers.results import Answer, Claim, Quote

__all__ = ["Answer", "Claim", "Claimed", "Ended", "Event", "Quote", "Reading", "ask", "last", "recorded", "stream"]
