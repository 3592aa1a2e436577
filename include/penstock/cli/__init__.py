"""The command line. Importing the modules adds their commands to ``app``, in the order that the help shows."""

from __future__ import annotations

# isort: off
from penstock.cli import line, asking, looking, people, trainsets, promoting, upkeep  # noqa: F401
from penstock.cli.app import app, main
# isort: on

__all__ = ["app", "main"]
