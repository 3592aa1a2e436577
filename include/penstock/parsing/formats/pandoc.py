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

FENCE = r"-{4,}|\.{4,}|\+{4,}|/{4,}|`{3,}(?!`)"
VERBATIM = re.compile(rf"[ \t]*({FENCE})(?:(?<=`).*)?\s*")
"""What opens or closes a block of AsciiDoc in which nothing is markup; after backticks a language may follow."""
VERBATIM_ITEM = re.compile(rf"(?m)^([ \t]*(?:[-*.]+|\d+[.)]|.*::)[ \t]+)(?:{FENCE})(?:(?<=`).*)?[ \t]*$")
TITLES = {"adoc": re.compile(r"(?m)\A(?://.*\n|\s)*= +(\S.*)$"), "tex": re.compile(r"\\title\{([^{}\\]+)\}")}
"""What pandoc takes for metadata and leaves out of the page."""


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    from unstructured.file_utils.file_conversion import convert_file_to_html_text_using_pandoc

    if kind in TEXTS:  # pandoc reads UTF-8 and nothing else
        data = decode(data).encode("utf-8", "replace")
    if kind in INCLUDES:
        pattern, comment = INCLUDES[kind]
        data = pattern.sub(comment, data)
    if kind == "adoc":
        data = _closed(data.decode()).encode()
    markup = convert_file_to_html_text_using_pandoc(source_format=READERS.get(kind, kind), file=BytesIO(data))
    check_depth(markup)
    pieces = list(pieces_of_html(markup)) if markup.strip() else []
    found = TITLES[kind].search(decode(data)) if kind in TITLES else None
    title = found[1] if found else ""
    return Draft(under(title, pieces), MEDIA_TYPES[kind], f"unstructured.{kind}", title)


def _closed(text: str) -> str:
    """AsciiDoc without the lines that open a verbatim block which nothing closes: pandoc 3.9 never ends on one.

    >>> _closed("```sh\\nls\\n```\\n----\\nthe rest")
    '```sh\\nls\\n```\\nthe rest'
    """
    lines = VERBATIM_ITEM.sub(r"\1", text).split("\n")
    fences = [found[1] if (found := VERBATIM.fullmatch(line)) else "" for line in lines]
    closing: dict[int, int] = {}
    below: dict[str, int] = {}
    for at in range(len(lines) - 1, -1, -1):
        if fence := fences[at]:
            closing[at] = below.get(fence, at)
            below[fence] = at
    kept: list[str] = []
    at = 0
    while at < len(lines):
        last = closing.get(at, at)
        if last > at:  # indented, pandoc takes some for text
            kept += [lines[at].lstrip(), *lines[at + 1 : last], lines[last].lstrip()]
        elif not fences[at]:
            kept.append(lines[at])
        at = last + 1
    return "\n".join(kept)
