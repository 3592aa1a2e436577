"""Passages that do not answer a question and look as if they did: found by the index itself, the false ones taken out.

A passage that a search finds and nobody judged may well be right. It is no negative where its similarity to the
question comes near that of the right passage (Moreira et al., "NV-Retriever: Improving text embedding models with
effective hard-negative mining", 2024), where it nearly says the same, or where anybody called its document right for
this question or one that is grouped with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from penstock.embedding.base import Vectors
from penstock.records import IndexRow
from penstock.training.gathering import Asked
from penstock.training.groups import ALIKE, jaccard, shingles
from penstock.training.passages import Library


@dataclass(frozen=True, slots=True)
class Mined:
    """Rows, the hardest first: those rated bad, then those that were found. ``doubtful``: found, and perhaps right."""

    rows: tuple[IndexRow, ...]
    doubtful: int


def mine(
    library: Library,
    one: Asked,
    question: Vectors,
    right: Sequence[IndexRow],
    candidates: Sequence[IndexRow],
    called_right: Collection[str],
    readable: Collection[str],
    below: float,
    count: int,
) -> Mined:
    """Up to ``count`` passages that do not answer the question whose right ones are ``right``.

    ``called_right`` are documents that may answer it, ``readable`` those that may be shown. Of ``candidates`` those
    are taken whose cosine is less than ``below`` times that of the nearest right passage.
    """
    limit = below * max(library.near(question, library.text(row)) for row in right)
    answers = [shingles(row.text) for row in right]
    wrong = [library.best(question, one.wrong[document]) for document in sorted(one.wrong) if document in readable]
    rated = sorted((row for row in wrong if row), key=lambda row: (-library.near(question, library.text(row)), row.id))
    taken = [row for row in rated if not _like(row, answers)][:count]
    seen = {*(row.document_id for row in rated), *called_right, *one.undecided}
    doubtful = 0
    for row in candidates:
        if len(taken) >= count:
            break
        if row.document_id in seen or row.document_id not in readable:
            continue
        if library.near(question, library.text(row)) >= limit or _like(row, answers):
            doubtful += 1
            continue
        taken.append(row)
        seen.add(row.document_id)
    return Mined(tuple(taken), doubtful)


def _like(row: IndexRow, others: Sequence[frozenset[str]]) -> bool:
    mine = shingles(row.text)
    return any(jaccard(mine, other) >= ALIKE for other in others)
