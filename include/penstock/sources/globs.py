"""Which keys a source takes: ``include`` and ``exclude`` patterns, with the meaning they have in a ``.gitignore``.

``*.md`` and ``**/*.md`` match at any depth, ``/*.md`` at the top only, ``drafts/`` a folder and all in it wherever it
is, ``docs/**`` everything under the top folder ``docs``. A key is taken if an include matches and no exclude does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from penstock.errors import ConfigError

BRACES = re.compile(r"\{[^}]*,[^}]*\}")


class Globs:
    """The compiled patterns of one source. Raises ``ConfigError`` for a pattern that could match nothing."""

    def __init__(self, source: str, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = [_compiled(source, "include", pattern) for pattern in include if pattern != "**"]
        self._all = "**" in include
        self._exclude = [_compiled(source, "exclude", pattern) for pattern in exclude]

    def takes(self, key: str) -> bool:
        """Whether the document with this key belongs to the source."""
        return (self._all or _matches(self._include, key)) and not _matches(self._exclude, key)

    def skips_folder(self, key: str) -> bool:
        """Whether nothing under the folder ``key`` can be taken, so that it need not be read at all."""
        return _matches(self._exclude, f"{key}/")


def _matches(patterns: list[re.Pattern[str]], key: str) -> bool:
    return bool(patterns) and any(pattern.match(key) for pattern in patterns)


def _compiled(source: str, option: str, pattern: str) -> re.Pattern[str]:
    where = f"sources.{source}.{option}: {pattern!r}"
    if pattern.startswith("!"):
        raise ConfigError(f"{where} begins with '!'; write {pattern[1:]!r} under exclude instead")
    if braces := BRACES.search(pattern):
        raise ConfigError(f"{where} holds {braces[0]!r}, which has no meaning here; write one pattern for each")
    try:
        regex = GitIgnoreSpecPattern(pattern).regex
    except ValueError as error:
        raise ConfigError(f"{where} is not a pattern: {error}; write it as in a .gitignore file") from None
    if regex is None:
        raise ConfigError(f"{where} matches nothing; write it as in a .gitignore file, '*.md' or 'docs/**'")
    # A name may hold a newline, and an exclude that such a name slips through would publish what should stay out.
    return re.compile(regex.pattern, re.DOTALL)
