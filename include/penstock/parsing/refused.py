"""How code inside the parser says no: raise ``RefusedDocument``; it becomes a ``Refusal`` at one boundary."""

from __future__ import annotations

from penstock.records import Reason, Refusal


class RefusedDocument(Exception):  # noqa: N818 - a verdict on the document, not a fault of the program
    """A typed reason, what was seen (no document text) and the remedy."""

    def __init__(self, reason: Reason, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail, remedy)
