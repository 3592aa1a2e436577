"""From a question to cited passages. ``pipeline.search`` is the whole of it, stage by stage."""

from __future__ import annotations

from penstock.retrieval.filters import parse_where
from penstock.retrieval.pipeline import MODES, search, search_staged
from penstock.retrieval.places import locate
from penstock.retrieval.results import Candidate, Citation, Found, Passage, Setup

__all__ = [
    "MODES",
    "Candidate",
    "Citation",
    "Found",
    "Passage",
    "Setup",
    "locate",
    "parse_where",
    "search",
    "search_staged",
]
