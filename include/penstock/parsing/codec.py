"""The persisted form of a parse: JSON without the attachments' bytes, which are documents of their own."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from penstock import artefact_json
from penstock.records import Element, Parsed

FORMAT = 1


class _Stored(msgspec.Struct):
    elements: tuple[Element, ...]
    title: str
    media_type: str
    parser: str


_DECODER = msgspec.json.Decoder(_Stored)


def to_json(parsed: Parsed) -> bytes:
    """Return UTF-8 JSON, the same bytes for the same value. Attachments are left out."""
    value = {
        "format": FORMAT,
        "title": parsed.title,
        "media_type": parsed.media_type,
        "parser": parsed.parser,
        "elements": [_element_to_dict(element) for element in parsed.elements],
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(data: bytes) -> Parsed:
    """Read what ``to_json`` wrote.

    Raises ``StoreError`` where the bytes are not a parse, or are of a format that this version does not know.
    """
    found = artefact_json.read(data, _DECODER, FORMAT, "a parse")
    return Parsed(found.elements, found.title, found.media_type, found.parser)


def _element_to_dict(element: Element) -> dict[str, Any]:
    """Defaults are left out: most elements are plain text without a page."""
    value: dict[str, Any] = {"kind": element.kind, "text": element.text, "start": element.start}
    if element.headings:
        value["headings"] = list(element.headings)
    if element.page is not None:
        value["page"] = element.page
    if element.depth:
        value["depth"] = element.depth
    return value
