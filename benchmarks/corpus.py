"""Documents made to be many: small, all different, in folders that different people may read.

A document is so many sections of a heading and words each, and the chunker makes one chunk of a section. The words
are drawn from a vocabulary whose frequencies fall as they do in English (Zipf), so that full-text search meets common
and rare ones. The same numbers always make the same documents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

INDEX = "made"
TEAMS = 20
WORDS = 120
"""In one section: two of them do not fit into the chunker's 200 tokens, so that each is a chunk."""
SYLLABLES = ("ba", "den", "fo", "gri", "hal", "kem", "lo", "mir", "nu", "pas", "ros", "tel", "vun", "wex", "zor", "yil")
VOCABULARY = tuple(a + b + c for a in SYLLABLES for b in SYLLABLES for c in SYLLABLES)
FREQUENCIES = tuple(accumulate(1 / rank for rank in range(1, len(VOCABULARY) + 1)))

CONFIG = """\
home = "home"

[sources.made]
type = "folder"
path = "documents"
when_silent = ["public"]
{access}
[indexes.{index}]
sources = ["made"]

{embedder}[service.limits]
requests_per_minute = 0
"""
"""Everything else is penstock's default, the gates' limits too. Every second team's documents are its own."""

HASHING = f"""\
[indexes.{INDEX}.embedder]
backend = "hashing"

"""
"""It knows no model and costs next to nothing."""

RULE = """
[[sources.made.access]]
prefix = "team-{team:02}/"
principals = ["team:{team}"]
"""


def make(home: Path, documents: int, sections: int, embedder: str = HASHING) -> None:
    """Write the configuration and the documents below ``home``; ``embedder`` is the index's section of its own."""
    for nth in range(documents):
        write(home, nth, sections)
    access = "".join(RULE.format(team=team) for team in range(1, TEAMS, 2))
    (home / "penstock.toml").write_text(CONFIG.format(access=access, index=INDEX, embedder=embedder), encoding="utf-8")


def write(home: Path, nth: int, sections: int, edition: int = 0) -> None:
    """Write one document; another edition of it differs in the last section."""
    path = home / "documents" / f"team-{nth % TEAMS:02}" / f"{nth // 1000:03}" / f"{nth:06}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    editions = [0] * (sections - 1) + [edition]
    path.write_text("\n".join(section(nth, at, made) for at, made in enumerate(editions)), encoding="utf-8")


def new_edition(platform: Any) -> int:
    """A number above every edition so far: with each release a benchmark makes at most a thousand."""
    from penstock import manifest

    with platform.catalog.read() as connection:
        return 1000 * (1 + manifest.head(connection, INDEX))


def section(nth: int, at: int, edition: int) -> str:
    return f"# Matter {nth}, part {at}\n\n{' '.join(words(f'{nth}-{at}-{edition}', WORDS))}.\n"


def questions(count: int) -> Iterator[str]:
    """Questions of six words, common and rare as in the documents."""
    for nth in range(count):
        yield " ".join(words(f"question {nth}", 6))


def words(seed: str, count: int) -> list[str]:
    return random.Random(seed).choices(VOCABULARY, cum_weights=FREQUENCIES, k=count)  # noqa: S311 - no secret
