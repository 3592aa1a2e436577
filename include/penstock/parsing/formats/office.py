"""Word and PowerPoint by unstructured; headings are what the styles and placeholders say, never a guess."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from penstock.parsing.assemble import Draft
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import to_pieces, undecorated
from penstock.parsing.refused import RefusedDocument
from penstock.records import Reason
from penstock.settings import ParserSettings


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    if _is_strict(data):
        raise RefusedDocument(
            Reason.UNSUPPORTED, "the document is Strict Open XML", "save it again without the Strict option"
        )
    elements, title = (_docx if kind == "docx" else _pptx)(data)
    return Draft(list(to_pieces(elements)), MEDIA_TYPES[kind], f"unstructured.{kind}", title)


def _is_strict(data: bytes) -> bool:
    """The ISO variant has other names for everything, and python-docx and python-pptx know none of them."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return "_rels/.rels" in archive.namelist() and b"purl.oclc.org/ooxml" in archive.read("_rels/.rels")


def _docx(data: bytes) -> tuple[Iterable[Any], str]:
    from docx import Document
    from unstructured.partition import docx

    _stop_guessing(docx)
    return undecorated(docx.partition_docx)(file=BytesIO(data)), _title(lambda: Document(BytesIO(data)))


def _pptx(data: bytes) -> tuple[Iterable[Any], str]:
    from pptx import Presentation
    from unstructured.partition import pptx

    _stop_guessing(pptx)
    elements = undecorated(pptx.partition_pptx)(file=BytesIO(data), include_slide_notes=True)
    return elements, _title(lambda: Presentation(BytesIO(data)))


def _stop_guessing(module: Any) -> None:
    """A short line in a text box is not a heading, and asking the sentence model about each costs most of the time."""
    module.is_possible_narrative_text = lambda *_: False
    module.is_possible_title = lambda *_: False


def _title(opened: Callable[[], Any]) -> str:
    title = str(opened().core_properties.title or "")
    return "" if title.lower() in ("powerpoint presentation", "word document", "presentation") else title
