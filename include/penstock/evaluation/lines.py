"""Files of questions line by line, for every kind of question set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from penstock.errors import UsageError


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Each line that is not blank, after how to name it. Raises ``UsageError`` where there is none to read."""
    try:
        found = path.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read as UTF-8 text: {error}") from None
    for number, text in enumerate(found, 1):
        if text.strip():
            yield f"{path}, line {number}", text.rstrip("\r")


def parsed(place: str, text: str) -> Any:
    """The JSON of a line. Raises ``UsageError`` naming its place where it is none, or holds what no store keeps."""
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise UsageError(f"{place}: this is nested too deeply; write one flat JSON object") from None
    except UnicodeEncodeError:
        raise UsageError(f"{place}: it holds half of a character (a lone surrogate); write the whole one") from None
    except ValueError as error:
        raise UsageError(f"{place}: this is not JSON: {error}") from None
    return value
