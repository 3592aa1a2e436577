"""Answers with exact citations, or an honest "not in the index". ``pipeline.ask`` is the whole of it."""

from __future__ import annotations

from penstock.answers.pipeline import Claimed, Ended, Event, Reading, ask, stream
from penstock.answers.results import Answer, Claim, Quote

__all__ = ["Answer", "Claim", "Claimed", "Ended", "Event", "Quote", "Reading", "ask", "stream"]
