"""Structured logs on stderr: lines for people, or JSON (``PENSTOCK_LOG=json``). They name documents by id only."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def configure() -> None:
    """Set up structlog once per process; ``PENSTOCK_LOG_LEVEL`` chooses the level (default WARNING)."""
    if structlog.is_configured():
        return
    level = logging.getLevelNamesMapping().get(os.environ.get("PENSTOCK_LOG_LEVEL", "WARNING").upper(), logging.WARNING)
    as_json = os.environ.get("PENSTOCK_LOG") == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
