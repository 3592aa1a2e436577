"""What HTTP carries in a header. It is looked at before it is sent: a client's own error would show the value."""

from __future__ import annotations

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?")


def is_header_name(text: str) -> bool:
    """Whether it is a name (RFC 9110, 5.1)."""
    return _NAME.fullmatch(text) is not None


def is_header_value(text: str) -> bool:
    """Whether it is a value (RFC 9110, 5.5): Latin-1, on one line, with no space at its ends.

    >>> [is_header_value(one) for one in ("Bearer k", "", "\\xe9", "k\\n", " k", "\\u20ac")]
    [True, True, True, False, False, False]
    """
    return _VALUE.fullmatch(text) is not None
