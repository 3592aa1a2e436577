"""Structured logs on stderr: lines for people, or JSON (``PENSTOCK_LOG=json``). They name documents by id only."""

from __future__ import annotations

import logging
import os
import sys

import structlog


class Through(logging.Handler):
    """Hands what a library logs by itself to structlog: one form of line, and one level, for all of the log."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger("penstock")
        log.log(record.levelno, self.format(record), logger=record.name)


def take_over(name: str) -> None:
    """Have a library's own loggers write through structlog, and nowhere else."""
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [Through()], False
    for below in [one for one in logging.root.manager.loggerDict if one.startswith(f"{name}.")]:
        child = logging.getLogger(below)  # whoever set it up before had it write elsewhere
        child.handlers, child.propagate = [], True


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
