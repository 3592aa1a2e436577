"""What earlier sets settled: the split of each question, for ever, and the questions that it was settled for.

The log is pruned and the sets stay, so a new question is grouped with those of old sets too: else one that nearly
repeats a forgotten test question would be trained on.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import Any

from sqlalchemy import select

from penstock.catalog import insert_or_update
from penstock.catalog.schema import question_splits
from penstock.errors import StoreError
from penstock.lake import AlteredObjectError, Kind
from penstock.lake_errors import MissingObjectError
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.training import sets
from penstock.training.examples import HEADING
from penstock.training.groups import Member, document_tie
from penstock.training.placing import Placed
from penstock.training.splits import Split
from penstock.wording import count


def splits(platform: Platform, index: str) -> dict[str, Split]:
    """Question → split, of every question that was in a set of the index."""
    query = select(question_splits.c.question, question_splits.c.split).where(question_splits.c.index_name == index)
    with platform.catalog.read() as connection:
        return {row.question: Split(row.split) for row in connection.execute(query)}


def members(platform: Platform, index: str, asked: Collection[str]) -> dict[str, Member]:
    """By question: what the sets of the index hold of it; ``asked`` are those that the log has still.

    The documents of a generator's example are what the search found for its prompt. The first ties a question only
    where the log has forgotten what it was about, and ties no refusal, which is about none.

    A set that the lake lost, or that was altered there, is passed by where every question that has a split is in
    another or is ``asked`` again; else raises ``StoreError``, since what nearly repeats one could not be told.
    """
    import pyarrow.parquet as pq

    with platform.catalog.read() as connection:
        rows = [row for row in sets.of_index(connection, index) if row.data]
    found: dict[str, dict[str, Any]] = {}
    lost: list[str] = []
    for row in rows:
        try:
            data = io.BytesIO(platform.lake.get(Kind.TRAINING, row.data))
        except (MissingObjectError, AlteredObjectError):
            lost.append(row.id)
            continue
        prompts = row.purpose == Purpose.GENERATOR
        columns = ["question", "query", "documents", *(["refusal"] if prompts else [])]
        for one in pq.read_table(data, columns=columns).to_pylist():
            if one["question"].startswith(HEADING):
                continue
            known = found.setdefault(one["question"], {"query": one["query"], "documents": set()})
            if not prompts or not (one["refusal"] or one["question"] in asked):
                known["documents"].update(one["documents"][:1])
    forgotten = splits(platform, index).keys() - found.keys() - set(asked)
    if lost and forgotten:
        raise StoreError(
            f"training set {lost[0]} is lost or was altered in the lake, and nothing else says what "
            f"{count(len(forgotten), 'question')} of {index!r} asked: what nearly repeats one that a model is judged "
            "by could be learned. Restore the set from a backup, or, where no model learned it, run "
            f"`penstock trainset drop {index} {lost[0]} --why …` and build again"
        )
    return {question: _member(question, one["query"], one["documents"]) for question, one in found.items()}


def _member(question: str, query: str, documents: Collection[str]) -> Member:
    """Which of its documents was the best is not known any more."""
    ties = tuple(sorted(map(document_tie, documents)))
    return Member(question, query, ties[:1], ties[1:])


def settle(platform: Platform, index: str, placed: Placed, questions: Collection[str]) -> None:
    """Keep the splits of the questions that a set holds; one that has a split keeps it."""
    with platform.catalog.write() as connection:
        now = platform.catalog.now(connection)
        rows = [
            {
                "index_name": index,
                "question": one,
                "split": placed.splits[one],
                "group_name": placed.groups[one],
                "at": now,
            }
            for one in sorted(questions)
        ]
        insert_or_update(connection, question_splits, rows, [])
