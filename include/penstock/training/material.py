"""What every kind of example is made from, gathered once for a build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from penstock.platform import Platform
from penstock.progress import Progress
from penstock.records import IndexRow
from penstock.training import audience
from penstock.training.gathering import Asked, Gathered
from penstock.training.passages import Library, documents_of
from penstock.training.placing import Placed
from penstock.training_settings import TrainingSettings

Draft = dict[str, Any]
"""The fields of an example but its id."""


@dataclass(frozen=True, slots=True)
class Material:
    """``readable`` are documents that everyone of the audience may read; ``quotes_hidden`` tells texts that quote
    another, ``clean`` takes out of a text what a model must not learn."""

    library: Library
    settings: TrainingSettings
    readable: frozenset[str]
    quotes_hidden: Callable[[str], bool]
    clean: Callable[[str], str]
    found: Gathered
    progress: Progress

    @classmethod
    def of(cls, library: Library, found: Gathered, settings: TrainingSettings, progress: Progress) -> Material:
        from penstock.training.redaction import redacted

        platform = library.platform
        shown = {document for row in found.heard.asked for _chunk, document in row["shown"]}
        return cls(
            library=library,
            settings=settings,
            readable=frozenset(audience.readable(platform, documents_of(found.asked) | shown, settings.audience)),
            quotes_hidden=audience.quotes_hidden(platform, library.index, library.number, settings.audience),
            clean=redacted if settings.redact else _as_it_is,
            found=found,
            progress=progress,
        )

    @property
    def platform(self) -> Platform:
        return self.library.platform

    @property
    def left_out(self) -> Counter[str]:
        return self.found.left_out

    @property
    def principals(self) -> tuple[str, ...]:
        """A reader who sees at least what everyone of the audience may see."""
        return tuple(sorted(self.settings.audience))


@dataclass(frozen=True, slots=True)
class Maker:
    """How one kind of example is made. ``usable``: the questions that could be one, before they are given a split.

    ``make`` gives the drafts of those that have one, and ``needs`` says what people must say for there to be any.
    """

    usable: Callable[[Material], list[Asked]]
    make: Callable[[Material, list[Asked], Placed], list[Draft]]
    needs: str


def facts(material: Material, one: Asked, placed: Placed, behind: Mapping[str, Any], row: IndexRow) -> Draft:
    """What every example says of itself; ``behind`` are its own ``documents``, ``chunks``, ``feedback``, ``weight``.

    ``row`` is of the document that it is about.
    """
    return {
        "question": one.question,
        "query": one.query,
        "group": placed.groups[one.question],
        "split": placed.splits[one.question],
        "source": row.source,
        "language": row.fields.get("language", ""),
        "release": material.library.number,
        "interactions": tuple(each["id"] for each in one.rows),
        **behind,
    }


def _as_it_is(text: str) -> str:
    return text
