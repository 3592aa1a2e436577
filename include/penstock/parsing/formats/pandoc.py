"""What pandoc turns into HTML (in its sandbox: no file, no network) and unstructured cuts."""

from __future__ import annotations

import re
from io import BytesIO

from penstock.parsing.assemble import Draft, under
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES, TEXTS
from penstock.parsing.formats.from_unstructured import pieces_of_html
from penstock.parsing.formats.html import check_depth
from penstock.settings import ParserSettings

READERS = {"adoc": "asciidoc", "tex": "latex"}
"""Where pandoc calls a type otherwise."""
INCLUDES = {
    "rst": (
        re.compile(
            rb"(?m)^([ \t]*\.\.)[ \t]+((?:literal)?include::|csv-table::(?=[^\n]*\n(?:[ \t]+:.*\n)*?[ \t]+:file:))"
        ),
        rb"\1 left out: \2",
    ),
    "adoc": (re.compile(rb"(?m)^(include::)"), rb"// left out: \1"),
}
"""What asks for another file becomes a comment: none is ever read, and pandoc, shut in, fails on the first."""


TITLES = {"adoc": re.compile(r"(?m)\A(?://.*\n|\s)*= +(\S.*)$"), "tex": re.compile(r"\\title\{([^{}\\]+)\}")}
"""What pandoc takes for metadata and leaves out of the page."""


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    from unstructured.file_utils.file_conversion import convert_file_to_html_text_using_pandoc

    if kind in TEXTS:  # pandoc reads UTF-8 and nothing else
        data = decode(data).encode("utf-8", "replace")
    if kind in INCLUDES:
        pattern, comment = INCLUDES[kind]
        data = pattern.sub(comment, data)
    markup = convert_file_to_html_text_using_pandoc(source_format=READERS.get(kind, kind), file=BytesIO(data))
    check_depth(markup)
    pieces = list(pieces_of_html(markup)) if markup.strip() else []
    found = TITLES[kind].search(decode(data)) if kind in TITLES else None
    title = found[1] if found else ""
    return Draft(under(title, pieces), MEDIA_TYPES[kind], f"unstructured.{kind}", title)
