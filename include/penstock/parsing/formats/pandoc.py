"""What pandoc turns into HTML (in its sandbox: no file, no network) and unstructured cuts."""

from __future__ import annotations

from io import BytesIO

from penstock.parsing.assemble import Draft
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import pieces_of_html
from penstock.parsing.formats.html import check_depth
from penstock.settings import ParserSettings


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    from unstructured.file_utils.file_conversion import convert_file_to_html_text_using_pandoc

    markup = convert_file_to_html_text_using_pandoc(source_format=kind, file=BytesIO(data))
    check_depth(markup)
    pieces = list(pieces_of_html(markup)) if markup.strip() else []
    return Draft(pieces, MEDIA_TYPES[kind], f"unstructured.{kind}")
