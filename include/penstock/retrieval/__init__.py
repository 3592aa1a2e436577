"""From a question to cited passages. ``pipeline.search`` is the whole of it, stage by stage."""

from __future__ import annotations

from penstock.filters import parse_where
from penstock.retrieval.pipeline import search, search_staged
from penstock.retrieval.places import locate
from penstock.retrieval.results import Candidate, Citation, Found, Passage, Setup

__all__ = [
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
