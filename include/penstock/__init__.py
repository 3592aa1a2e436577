"""Penstock: numbered, gated, reversible releases of a search index, and the models beside it."""

__version__ = "0.1.0"
