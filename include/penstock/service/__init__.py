"""The HTTP service: search, answers, feedback. ``create_app`` makes it, ``penstock serve`` runs it."""

from __future__ import annotations

from penstock.service.app import create_app

__all__ = ["create_app"]
