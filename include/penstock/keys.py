"""What is read from a document's key: the name of its parse, what a parser is told of it, a title where it has none."""

from __future__ import annotations

from pathlib import PurePosixPath

from penstock.ids import hash_of
from penstock.parsing.assemble import MAX_TITLE_CHARS, one_line

ATTACHMENT = "!/"
"""Stands between the key of a document and the name of what is inside it: ``mail/may.eml!/plan.pdf``."""
UNNAMED = "untitled"
"""What parsers are told that a document is called, before its ending."""


def parse_key(revision: str, key: str, parser: str) -> str:
    """The name of a parse: the bytes, the type that the key claims for them, and the parser."""
    return hash_of("parse", revision, told_name(key).removeprefix(UNNAMED), parser)


def told_name(key: str) -> str:
    """What a parser is told that the document is called: its ending counts, and no more.

    A gzip's name is told, since its one member is called like it.

    >>> told_name("people/Leave.MD"), told_name("logs/May.txt.gz")
    ('untitled.md', 'May.txt.gz')
    """
    ending = PurePosixPath(key).suffix.lower()
    return file_name(key) if ending == ".gz" else UNNAMED + ending


def named_title(key: str) -> str:
    """The title of a document that declares none: its file's name.

    >>> named_title("people/post.eml!/spare  keys.txt")
    'spare keys'
    """
    name = file_name(key)
    return (one_line(PurePosixPath(name).stem) or name)[:MAX_TITLE_CHARS]


def file_name(key: str) -> str:
    return PurePosixPath(key.rsplit(ATTACHMENT, 1)[-1]).name
