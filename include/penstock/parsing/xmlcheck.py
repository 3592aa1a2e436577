"""XML that declares entities is refused before any parser sees it: a document has no need of them."""

from __future__ import annotations

import re

from penstock.parsing.decode import decode
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason

MARKS = tuple("<!ENTITY".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
ENTITY = re.compile(r"""<!ENTITY\s+(?:%\s+)?\S+\s+(?:(SYSTEM|PUBLIC)(?:\s*(?:"[^"]*"|'[^']*')){0,2}\s*(NDATA)?)?""")


def check_xml(data: bytes) -> None:
    """Raise ``EXTERNAL_ENTITY`` or ``ENTITY_BOMB`` for any entity declaration.

    A document type alone, as XHTML and JATS have it, passes: nothing here loads it. So do unparsed entities
    (``NDATA``), which only name a picture.
    """
    if not any(mark in data for mark in MARKS):
        return
    text = decode(data)
    if "<!DOCTYPE" not in text:
        return
    declared = [match[1] for match in ENTITY.finditer(text) if not match[2]]
    if any(declared):
        raise RefusedDocument(
            Reason.EXTERNAL_ENTITY, "the XML declares an external entity", "remove the entity declarations"
        )
    if declared:
        raise RefusedDocument(Reason.ENTITY_BOMB, "the XML declares entities", "remove the entity declarations")
