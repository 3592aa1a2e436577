"""The persisted form of a parse: JSON without the attachments' bytes, which are documents of their own."""

from __future__ import annotations

import json
from typing import Any

from penstock.errors import StoreError
from penstock.records import Element, Parsed

FORMAT = 1


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
    try:
        value = json.loads(data)
        found = value["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"not a parse artefact ({type(error).__name__}); delete it and parse again") from None
    if found != FORMAT:
        raise StoreError(f"parse artefact of format {found!r}; this version reads format {FORMAT}: parse again")
    try:
        return Parsed(
            elements=tuple(_element_from_dict(item) for item in value["elements"]),
            title=value["title"],
            media_type=value["media_type"],
            parser=value["parser"],
        )
    except (KeyError, TypeError) as error:
        raise StoreError(f"damaged parse artefact ({type(error).__name__}); delete it and parse again") from None


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


def _element_from_dict(value: dict[str, Any]) -> Element:
    return Element(
        kind=value["kind"],
        text=value["text"],
        headings=tuple(value.get("headings", ())),
        page=value.get("page"),
        start=value["start"],
        depth=value.get("depth", 0),
    )
