"""What people say of what they were shown: given, imported from logs, read as Arrow, and drawn as a report."""

from __future__ import annotations

from penstock.feedback.giving import give, give_all
from penstock.feedback.importing import import_files
from penstock.feedback.reading import read
from penstock.feedback.report import report
from penstock.feedback.saying import Kind, Said

__all__ = ["Kind", "Said", "give", "give_all", "import_files", "read", "report"]
