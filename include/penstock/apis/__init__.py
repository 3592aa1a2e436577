"""Paid APIs of models: whose key and which address, how errors are told apart, and how long to be patient."""

from __future__ import annotations

from penstock.apis.access import COHERE, OPENAI, Access, Service, find_access
from penstock.apis.calling import Caller

__all__ = ["COHERE", "OPENAI", "Access", "Caller", "Service", "find_access"]
