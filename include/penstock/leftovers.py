"""What forgetting must find where no row of the catalog leads: orphans of the lake, hand-overs, names in messages.

A run that was killed leaves objects that were written before their rows were. They hurt nobody until somebody asks
that a document be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from sqlalchemy import select, update

from penstock.catalog.schema import (
    chunkings,
    entries,
    evaluations,
    models,
    parses,
    revisions,
    source_states,
    texts,
    training_sets,
)
from penstock.catalog.schema import runs as runs_table
from penstock.errors import StoreError
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.records import Reason

Orphans = Mapping[Kind, list[str]]
FEW = 1000
"""So many unknown objects say nothing about whose lake it is."""


def find_orphans(platform: Platform, older_than_s: float = 0.0) -> Orphans:
    """Objects of the lake that the catalog does not know, by kind. Lists the whole lake.

    Only for whoever has made sure that no run is under way, or asks for what is older than any. Raises ``StoreError``
    where most of the lake is unknown: it is then probably another catalog's, and not ours to sweep.
    """
    known = _known(platform)
    orphans: dict[Kind, list[str]] = {}
    named = 0
    for kind, names in known.items():
        orphans[kind] = []
        for name, age_s in platform.lake.ages(kind):
            if name in names:
                named += 1
            elif age_s >= older_than_s:
                orphans[kind].append(name)
    if (unknown := sum(map(len, orphans.values()))) > max(FEW, named):
        raise StoreError(
            f"the lake at {platform.lake.url} holds {unknown} objects that this catalog does not know, and {named} "
            "that it does: it seems to be another catalog's lake. Check store.lake and store.catalog; nothing was done"
        )
    return orphans


def _known(platform: Platform) -> dict[Kind, set[str]]:
    with platform.catalog.read() as connection:

        def names(*columns: Any) -> set[str]:
            return {one for column in columns for one in connection.execute(select(column).distinct()).scalars() if one}

        served = select(entries.c.revision).where(
            entries.c.reason.is_distinct_from(str(Reason.ERASED)), entries.c.revision.is_not(None)
        )
        return {
            Kind.BYTES: names(revisions.c.sha256) | set(connection.execute(served).scalars()),
            Kind.PARSED: names(parses.c.key),
            Kind.CHUNKS: names(chunkings.c.key),
            Kind.VECTORS: names(texts.c.pack),
            Kind.EVALUATIONS: names(evaluations.c.questions, evaluations.c.results),
            Kind.TRAINING: names(training_sets.c.data),
            Kind.MODELS: {
                name for files in connection.execute(select(models.c.files)).scalars() for name in files.values()
            },
        }


def delete_orphans(platform: Platform, orphans: Orphans) -> int:
    for kind, names in orphans.items():
        platform.lake.delete(kind, names)
    return sum(map(len, orphans.values()))


def delete_hand_overs(platform: Platform) -> None:
    """Delete what tasks handed on: plans and texts. Only for whoever holds every lease, so that no task reads on."""
    platform.lake.delete(Kind.WORK, list(platform.lake.names(Kind.WORK)))


def scrub_names(platform: Platform, keys: Collection[str]) -> None:
    """Take documents' names out of what runs and listings said."""
    clean = scrubber(keys)
    with platform.catalog.write() as connection:
        for row in connection.execute(select(runs_table.c.id, runs_table.c.message, runs_table.c.sources)).all():
            said = {"message": clean(row.message), "sources": clean(row.sources)}
            if said != {"message": row.message, "sources": row.sources}:
                connection.execute(update(runs_table).where(runs_table.c.id == row.id).values(said))
        for row in connection.execute(select(source_states).where(source_states.c.error.is_not(None))).all():
            mine = source_states.c.source == row.source, source_states.c.index_name == row.index_name
            connection.execute(update(source_states).where(*mine).values(error=clean(row.error)))


def scrubber(keys: Collection[str]) -> Callable[[Any], Any]:
    """Return what replaces each name, in quotes or at the end of a path, in the strings of a JSON-like value.

    >>> scrubber(["pay.md"])({"docs": "'pay.md' twice; /d/pay.md: no permission; repay.md, pay.md.bak"})
    {'docs': '(erased) twice; /d/(erased): no permission; repay.md, pay.md.bak'}
    """
    longest_first = sorted(keys, key=len, reverse=True)
    names = [rf"{re.escape(repr(key))}|(?<![\w.-]){re.escape(key)}(?![\w-]|\.\w)" for key in longest_first]
    pattern = re.compile("|".join(names))

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return pattern.sub("(erased)", value)
        if isinstance(value, dict):
            return {clean(name): clean(one) for name, one in value.items()}
        return [clean(one) for one in value] if isinstance(value, list) else value

    return clean
