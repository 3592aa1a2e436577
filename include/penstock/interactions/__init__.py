"""What was asked and shown: written down before the answer leaves, read as Arrow, forgotten in time or on request."""

from __future__ import annotations

from penstock.interactions.forgetting import erase, prune
from penstock.interactions.reading import export, read
from penstock.interactions.recording import Answered, Asker, Quote, record

__all__ = ["Answered", "Asker", "Quote", "erase", "export", "prune", "read", "record"]
