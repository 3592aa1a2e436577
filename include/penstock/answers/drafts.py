"""Claims out of what a chat model writes, as it comes: one JSON object each, whatever stands around them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from penstock.answers.base import Draft, DraftQuote
from penstock.chunking import sentences

MAX_CLAIM_CHARS = 2000
PARAGRAPH = "\n\n"
MAX_STREAMED_CHARS = 20_000
"""An object that is longer and still open is read once more at the end, and no more with every piece that comes."""
MAX_BROKEN = 1_000
"""So many objects that are no JSON are enough to tell that no claims come: what is left is read no further."""
_OBJECT = re.compile(r'\{(?=\s*["}])')
_CLAIM = re.compile(r'\{\s*"claims?"')
_LIST = re.compile(r'\{\s*"claims"\s*:\s*\[')
_DECODER = json.JSONDecoder()
_FENCE = re.compile(r"```\w*")
_THOUGHTS = "<think>", "</think>"


class DraftReader:
    """``feed`` it the pieces of a text in turn, then take ``end``.

    An object that holds a list of claims counts as those, and a text without any object as one claim without a quote:
    small models forget the format. What stands beside objects comes at the end, marked. ``unreadable``: a claim was
    begun that is no JSON. ``silent``: there was nothing, not even the claim that says that there is no answer; or
    ``strange``, nothing but JSON that holds no claim.
    """

    def __init__(self) -> None:
        self.unreadable = self.silent = self.strange = False
        self._waiting, self._from, self._endless = "", 0, False
        self._prose: list[str] = []
        self._objects = 0

    def feed(self, piece: str) -> Iterator[Draft]:
        self._waiting += piece
        if "}" in piece and not self._endless:
            yield from self._drafts(last=False)

    def end(self) -> Iterator[Draft]:
        yield from self._drafts(last=True)
        written = "".join([*self._prose, self._waiting]).rpartition(_THOUGHTS[1])[2]  # servers may write only their end
        text = _flat(written)
        self.silent = not text and not self._objects
        self.strange &= self.silent
        if text and not self._objects and not self.unreadable:
            yield Draft(text, ())
        elif self._objects and not self.unreadable:
            yield from (Draft(one, (), beside=True) for one in _sentences(written))

    def _drafts(self, last: bool) -> Iterator[Draft]:
        if not self._past_thoughts():
            return
        begun, at, broken = 0, self._from, 0
        while broken < MAX_BROKEN and (found := _OBJECT.search(self._waiting, at)):
            at = found.start()
            if opening := _LIST.match(self._waiting, at):
                self._prose.append(self._waiting[begun:at])
                begun = at = opening.end()
                self._objects += 1
                continue
            try:
                value, end = _DECODER.raw_decode(self._waiting, at)
            except (ValueError, RecursionError):
                if not last:
                    self._endless = len(self._waiting) - at > MAX_STREAMED_CHARS
                    break  # not all of it is here
                self.unreadable |= bool(_CLAIM.match(self._waiting, at))
                at, broken = at + 1, broken + 1
                continue
            self._prose += [self._waiting[begun:at], PARAGRAPH]
            begun = at = end
            yield from self._of(value)
        at = at if found else max(begun, self._waiting.rfind("{"))  # behind its last brace one may still begin
        self._waiting, self._from = self._waiting[begun:], at - begun

    def _past_thoughts(self) -> bool:
        """Whether the answer itself has begun: some models think aloud before."""
        begin, end = _THOUGHTS
        if not self._waiting.lstrip().startswith(begin):
            return True
        _, ended, after = self._waiting.partition(end)
        if ended:
            self._waiting, self._from = after, 0
        return bool(ended)

    def _of(self, value: dict[str, Any]) -> Iterator[Draft]:
        listed = value.get("claims")
        self.strange |= not value.keys() & {"claim", "claims"}
        for one in listed if isinstance(listed, list) else [value]:
            if isinstance(one, dict) and "claim" in one:
                self._objects += 1
                if isinstance(one["claim"], str) and (text := _flat(one["claim"])):
                    yield Draft(text, tuple(_quotes(one.get("quotes"))))


def _quotes(value: Any) -> Iterator[DraftQuote]:
    """Whatever was meant for a quote: one that names no passage counts as naming one that is not there."""
    for one in value if isinstance(value, list) else [value] if value else []:
        fields = one if isinstance(one, dict) else {"quote": one}
        found = re.search(r"\d{1,4}", str(fields.get("passage", "")))
        text = fields.get("quote", fields.get("text"))
        yield DraftQuote(int(found.group()) if found else 0, text if isinstance(text, str) else "")


def _sentences(text: str) -> Iterator[str]:
    """Those of what stands around JSON, without the signs that lists and fences of code are written with."""
    for paragraph in _FENCE.sub(" ", text).split(PARAGRAPH):
        flat = _flat(paragraph)
        yield from (said for start, end in sentences(flat) if re.search(r"\w", said := flat[start:end].strip()))


def _flat(text: str) -> str:
    return " ".join(text.split())[:MAX_CLAIM_CHARS]
