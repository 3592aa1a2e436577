"""What is read from a document's key: the name of its parse, what a parser is told of it, a title where it has none."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from penstock.ids import hash_of
from penstock.parsing.assemble import MAX_TITLE_CHARS, one_line

ATTACHMENT = "!/"
"""Stands between the key of a document and the name of what is inside it: ``mail/may.eml!/plan.pdf``."""
_SPELLED = re.compile(r"%((?:25)*21/)")
"""What ``listed_key`` writes for ``!/``, and for names that hold that already."""
UNNAMED = "untitled"
"""What parsers are told that a document is called, before its ending."""


def listed_key(name: str) -> str:
    """The key of a file that a source calls ``name``: never one of something inside a document.

    >>> [listed_key(name) for name in ("hr/plan.md", "may.eml!/plan.md", "may.eml%21/plan.md")]
    ['hr/plan.md', 'may.eml%21/plan.md', 'may.eml%2521/plan.md']
    """
    return _SPELLED.sub(r"%25\1", name).replace(ATTACHMENT, "%21/") if "/" in name else name


def source_name(key: str) -> str:
    """What the source calls the file of that key.

    >>> [source_name(key) for key in ("hr/plan.md", "may.eml%21/plan.md", "may.eml%2521/plan.md")]
    ['hr/plan.md', 'may.eml!/plan.md', 'may.eml%21/plan.md']
    """
    return _SPELLED.sub(lambda found: ATTACHMENT if found[1] == "21/" else f"%{found[1][2:]}", key)


def parse_key(revision: str, key: str, parser: str) -> str:
    """The name of a parse: the bytes, the type that the key claims for them, and the parser."""
    return hash_of("parse", revision, told_name(key).removeprefix(UNNAMED), parser)


def told_name(key: str) -> str:
    """What a parser is told that the document is called: its ending counts, and no more.

    A gzip's name is told, since its one member is called like it.

    >>> told_name("people/Leave.MD"), told_name("logs/May.txt.gz")
    ('untitled.md', 'May.txt.gz')
    """
    name = file_name(key)
    ending = PurePosixPath(name).suffix.lower()
    return name if ending == ".gz" else UNNAMED + ending


def named_title(key: str) -> str:
    """The title of a document that declares none: its file's name.

    >>> named_title("people/post.eml!/spare  keys.txt")
    'spare keys'
    """
    name = file_name(key)
    return (one_line(PurePosixPath(name).stem) or name)[:MAX_TITLE_CHARS]


def file_name(key: str) -> str:
    """The last part of a key; a page of a website whose address ends in no type that can be read is HTML.

    >>> file_name("https://example.org/a.php?page=2.pdf"), file_name("https://example.org/plan.pdf?v=2")
    ('a.php.html', 'plan.pdf')
    """
    if ATTACHMENT in key or not key.startswith(("http://", "https://")):
        return PurePosixPath(key.rsplit(ATTACHMENT, 1)[-1]).name
    from penstock.parsing.detect import EXTENSIONS

    parts = urlsplit(key)
    name = PurePosixPath(unquote(parts.path)).name
    known = PurePosixPath(name).suffix.lower().removeprefix(".") in EXTENSIONS.keys() - {""}
    return name if known else f"{name or parts.netloc}.html"
