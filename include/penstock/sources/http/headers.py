"""Headers as they are about to be sent."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.header_values import is_header_name, is_header_value
from penstock.sources.http.errors import HttpError


def require_sendable(headers: Mapping[str, str | bytes | None]) -> None:
    """Raise ``HttpError`` that names the header, and never its value, where one cannot be sent."""
    for name, value in headers.items():
        if not is_header_name(name):
            raise HttpError(f"{name!r} will not do as the name of a header", "mend it in the source's headers or auth")
        if not is_header_value(value.decode("latin-1") if isinstance(value, bytes) else value or ""):
            raise HttpError(
                f"the header {name} holds a line break, a space at an end, or a character beyond Latin-1",
                "mend it in the source's headers, or set the secret again",
            )
