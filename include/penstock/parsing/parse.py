"""One document, inside a child: check, choose a format, parse; every exception of a library ends here.

A library's message may quote the document, so a refusal keeps the exception's type and nothing of its text.
"""

from __future__ import annotations

from io import BytesIO

from penstock.parsing.archives import check_archive, check_nested
from penstock.parsing.assemble import assemble
from penstock.parsing.detect import checked_type, claimed_type, true_type
from penstock.parsing.formats import draft_of
from penstock.parsing.refused import RefusedDocument
from penstock.parsing.unpacking import ARCHIVES
from penstock.parsing.unstructured_setup import prepare_unstructured
from penstock.parsing.xmlcheck import check_xml
from penstock.records import Parsed, Reason, Refusal
from penstock.settings import ParserSettings

PACKED = (*ARCHIVES, "docx", "pptx", "xlsx", "odt", "epub", "ods", "odp")
SPARE_BYTES = 2**23
"""With less left than this when a parser fails, the memory was what it lacked."""


def prepare(settings: ParserSettings) -> None:
    """Load what every document needs. Raises ``ModelError`` where a declared part is missing."""
    prepare_unstructured(settings)


def parse(name: str, data: bytes, settings: ParserSettings) -> Parsed | Refusal:
    """Return the parse, or the reason why there is none. Raises ``MemoryError`` only."""
    try:
        kind = _checked(name, data)
        draft = draft_of(kind, name, data, settings)
        check_nested((one.data for one in draft.attachments), len(data))
        parsed = assemble(draft, name)
        if not parsed.elements and not parsed.attachments:
            raise RefusedDocument(Reason.EMPTY, "no text was found in the document")
        return parsed
    except RefusedDocument as refused:
        return refused.refusal
    except RecursionError:
        return Refusal(Reason.TOO_DEEP, "the document is nested too deeply", "flatten it")
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary: whatever a parser raises costs this document only
        _require_memory()
        kind = claimed_type(name)
        return Refusal(
            Reason.PARSER_ERROR,
            f"the {kind} parser failed with {type(error).__module__}.{type(error).__qualname__}",
            "open it in the program that made it and save it again",
        )


def _require_memory() -> None:
    """Raise ``MemoryError`` where little is left: C code makes any error of an allocation that failed."""
    bytearray(SPARE_BYTES)


def _checked(name: str, data: bytes) -> str:
    """Return the type to parse as. Danger is named before the type is judged: a bomb is a bomb under any name."""
    if not data.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise RefusedDocument(Reason.EMPTY, "the file is empty")
    claimed = claimed_type(name)
    actual = true_type(data, claimed)
    if actual in PACKED:
        check_archive("office" if actual == "zip" and claimed not in ARCHIVES else actual, data)
    elif actual == "xml" or claimed in ("xml", "svg", "html"):
        check_xml(BytesIO(data))
    return checked_type(name, data)
