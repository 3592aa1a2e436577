"""What decides a parser's output, hashed: the key of every parse artefact, the same on every machine."""

from __future__ import annotations

from importlib.metadata import version

from penstock.ids import fingerprint
from penstock.settings import ParserSettings

PARSER_REVISION = 5
"""Raise it whenever this folder yields other elements for the same bytes; everything is then parsed again."""

DECISIVE = (
    "charset-normalizer",
    "lxml",
    "markdown-it-py",
    "openpyxl",
    "pypandoc-binary",
    "pypdfium2",
    "python-docx",
    "python-oxmsg",
    "python-pptx",
    "spacy",
    "trafilatura",
    "unstructured",
    "xlrd",
)


def parser_fingerprint(settings: ParserSettings) -> str:
    """Return 16 hex digits over revision, deciding libraries and deciding settings; limits and workers are not in it.

    The attachment depth is: it decides which documents there are.
    """
    return fingerprint(
        {
            "revision": PARSER_REVISION,
            "libraries": {name: version(name) for name in DECISIVE},
            "sentence_model": settings.sentence_model,
            "html_articles": settings.html_articles,
            "max_attachment_depth": settings.max_attachment_depth,
        }
    )
