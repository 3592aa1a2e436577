"""XML that declares entities is refused before any parser of a format sees it: a document has no need of them."""

from __future__ import annotations

import re
from typing import IO
from xml.parsers import expat

from penstock.parsing.decode import decode
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason

PIECE = 1 << 16
MAX_PROLOG = 1 << 20
"""What may stand before the first element: comments and a document type, of which an honest one has a few kB."""
MARKS = tuple("<!ENTITY".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
ENTITY = re.compile(r"""<!ENTITY\s+(?:%\s+)?\S+\s+(?:(SYSTEM|PUBLIC)(?:\s*(?:"[^"]*"|'[^']*')){0,2}\s*(NDATA)?)?""")


def check_xml(stream: IO[bytes]) -> None:
    """Raise ``EXTERNAL_ENTITY`` or ``ENTITY_BOMB`` for any entity declaration, ``TOO_LARGE`` for an endless prolog.

    A document type alone, as XHTML and JATS have it, passes: nothing here loads it. So do unparsed entities
    (``NDATA``), which only name a picture.
    """
    prolog = _prolog(stream)
    if not any(mark in prolog for mark in MARKS) or "<!DOCTYPE" not in (text := decode(prolog)):
        return
    declared = [match[1] for match in ENTITY.finditer(text) if not match[2]]
    if any(declared):
        raise RefusedDocument(
            Reason.EXTERNAL_ENTITY, "the XML declares an external entity", "remove the entity declarations"
        )
    if declared:
        raise RefusedDocument(Reason.ENTITY_BOMB, "the XML declares entities", "remove the entity declarations")


def _prolog(stream: IO[bytes]) -> bytes:
    """What stands before the first element, where alone entities can be declared; all of what expat cannot follow."""
    parser, seen = expat.ParserCreate(), b""

    def stop(*_: object) -> None:
        raise _FirstElement(parser.CurrentByteIndex)

    parser.StartElementHandler = stop
    while piece := stream.read(PIECE):
        seen += piece
        try:
            parser.Parse(piece)
        except _FirstElement as first:
            return seen[: first.at]
        except (expat.ExpatError, ValueError, LookupError):  # the latter two: of an encoding that Python lacks
            return seen + stream.read(MAX_PROLOG)
        if len(seen) > MAX_PROLOG:
            raise RefusedDocument(
                Reason.TOO_LARGE, "1 MB of XML holds no element", "remove the comments before the first element"
            )
    return seen


class _FirstElement(Exception):  # noqa: N818 - how a handler stops expat
    """It begins at this byte."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
