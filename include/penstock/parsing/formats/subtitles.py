"""Subtitles (WebVTT): what is said, as paragraphs, one for each turn of a speaker; times and styles are left out.

After the W3C's WebVTT: blocks between blank lines, of which those with an arrow in one of their first lines are cues.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from penstock.parsing.assemble import LINE_ENDS, Draft, Piece
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings

CUE = re.compile(r"\A(?:[^\n]*\n)?[^\n]*-->[^\n]*\n(.+)\Z", re.DOTALL)
BLOCK_END = re.compile(r"\n\n+")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?[ \t]+([^>]*)>")
TAG = re.compile(r"<[^>]*>")
FULL_PARAGRAPH_CHARS = 600
SENTENCE_END = (".", "?", "!", "…")


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    text = LINE_ENDS.sub("\n", decode(data))
    if not text.startswith("WEBVTT"):
        raise RefusedDocument(
            Reason.WRONG_TYPE, "the name claims vtt, the text does not begin with WEBVTT", "rename it"
        )
    return Draft(_paragraphs(text), MEDIA_TYPES[kind], "webvtt")


def _paragraphs(text: str) -> Iterator[Piece]:
    speaker, said = "", ""
    for name, words in _cues(text):
        if said and (name != speaker or (len(said) > FULL_PARAGRAPH_CHARS and said.endswith(SENTENCE_END))):
            yield Piece("text", said)
            said = ""
        if not said and name and name != speaker:
            said = f"{name}:"
        speaker, said = name, f"{said} {words}".lstrip()
    yield Piece("text", said)


def _cues(text: str) -> Iterator[tuple[str, str]]:
    """Who speaks, "" where it is not said, and the words."""
    for block in BLOCK_END.split(text):
        if cue := CUE.match(block.strip("\n")):
            voice = VOICE.search(cue[1])
            words = " ".join(html.unescape(TAG.sub("", cue[1])).split())
            if words:
                yield html.unescape(voice[1]).strip() if voice else "", words
