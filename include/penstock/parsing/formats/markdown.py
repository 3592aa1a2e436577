"""Markdown by way of HTML: markdown-it (CommonMark with tables) renders, unstructured cuts.

Unstructured's own way there, Python-Markdown, took twice as long and lost code fences inside lists.
"""

from __future__ import annotations

import re
import tomllib

from markdown_it import MarkdownIt

from penstock.parsing.assemble import Draft
from penstock.parsing.decode import decode
from penstock.parsing.detect import MEDIA_TYPES
from penstock.parsing.formats.from_unstructured import pieces_of_html
from penstock.settings import ParserSettings

RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
FRONT_MATTER = re.compile(r"\A\ufeff?\s*(---|\+\+\+)[ \t]*\n(.*?)^\1[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
YAML_TITLE = re.compile(r"^title[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)", re.MULTILINE)
YAML_KEY = re.compile(r"^(?:[\w.\"'-]+[ \t]*:|[ \t]*#|[ \t]*-[ \t]|\s*$|[ \t]+)")


def read(kind: str, _name: str, data: bytes, _settings: ParserSettings) -> Draft:
    title, body = split_front_matter(decode(data).replace("\r\n", "\n"))
    markup = RENDERER.render(body)
    pieces = list(pieces_of_html(markup)) if markup.strip() else []
    return Draft(pieces, MEDIA_TYPES[kind], "unstructured.md", title)


def split_front_matter(text: str) -> tuple[str, str]:
    """Return the title that the YAML or TOML in front declares (or ""), and the text behind it."""
    found = FRONT_MATTER.match(text)
    if not found:
        return "", text
    fence, block = found[1], found[2]
    if fence == "+++":
        return _toml_title(block), text[found.end() :]
    if not all(YAML_KEY.match(line) for line in block.splitlines()):
        return "", text  # a rule above a paragraph, not front matter
    return _yaml_title(block), text[found.end() :]


def _toml_title(block: str) -> str:
    try:
        return str(tomllib.loads(block).get("title", ""))
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""


def _yaml_title(block: str) -> str:
    """Only the one scalar is wanted: no YAML loader, and so none of its aliases and tags, meets the document."""
    found = YAML_TITLE.search(block)
    if not found:
        return ""
    value = " ".join(found[1].split())
    value = re.sub(r"^[>|][+-]?\s+", "", value)
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        inner = value[1:-1]
        return inner.replace("''", "'") if value[0] == "'" else inner.replace('\\"', '"').replace("\\\\", "\\")
    return re.sub(r"\s+#.*$", "", value)
