"""The persisted form of a parse: JSON without the attachments' bytes, which are documents of their own."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from penstock.errors import StoreError
from penstock.records import Element, Parsed

FORMAT = 1
T = TypeVar("T")


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
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"not a parse artefact ({type(error).__name__}); delete it and parse again") from None
    if found != FORMAT:
        raise StoreError(f"parse artefact of format {found!r}; this version reads format {FORMAT}: parse again")
    try:
        return Parsed(
            elements=tuple(_element_from_dict(item) for item in _checked(value["elements"], list)),
            title=_checked(value["title"], str),
            media_type=_checked(value["media_type"], str),
            parser=_checked(value["parser"], str),
        )
    except (KeyError, TypeError, AttributeError) as error:
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
    page = value.get("page")
    return Element(
        kind=_checked(value["kind"], str),
        text=_checked(value["text"], str),
        headings=tuple(_checked(title, str) for title in _checked(value.get("headings", []), list)),
        page=page if page is None else _checked(page, int),
        start=_checked(value["start"], int),
        depth=_checked(value.get("depth", 0), int),
    )


def _checked(value: Any, kind: type[T]) -> T:
    """What is damaged is found here, not where somebody counts on it."""
    if type(value) is not kind:
        raise TypeError
    return value
