"""Sections asked for by their own headings: what an index itself says of which words stand for which text.

Few people say what was right, and every section says what it is about. Pairs of a title and its text are what
embedders are first trained on (Wang et al., "Text embeddings by weakly-supervised contrastive pre-training", 2022);
these are of the subject that the model will serve. They are trained on and never judged by, and nobody asked them: they
are not settled for later sets as questions are, and each build leaves those out that come near what it holds back.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from penstock import manifest
from penstock.batching import batched
from penstock.catalog.schema import entries
from penstock.ids import hash_of
from penstock.records import IndexRow
from penstock.training import audience
from penstock.training.examples import HEADING
from penstock.training.groups import Member, document_tie
from penstock.training.guarding import Guards
from penstock.training.leaks import leaks
from penstock.training.material import Draft, Material
from penstock.training.splits import Split
from penstock.words import words

FEWEST_WORDS = 3
"""Of a heading, and of the text below it: "Notes" asks for nothing."""


def drafts(material: Material, held_back: Sequence[Member], guards: Guards) -> list[Draft]:
    """Up to ``training.headings`` examples for an embedder, the same for the same release and settings.

    ``held_back`` are the questions that are not trained on. No document comes in that answers one, and no heading that
    nearly asks it, or what a guard asks.
    """
    wanted, library = material.settings.headings, material.library
    if not wanted:
        return []
    found: dict[str, Draft] = {}
    for batch in batched(_documents(material, held_back)):
        library.load(batch)
        made = [_draft(material, row) for document in batch for row in library.rows[document]]
        found |= {one["question"]: one for one in made if one}
        if len(found) >= wanted:
            break
    judged = {one.id: one.text for one in held_back} | dict(guards.texts)
    near = {one.example for one in leaks({name: one["query"] for name, one in found.items()}, judged)}
    material.left_out["headings that models are judged by"] += len(near)
    return [found[name] for name in sorted(found.keys() - near)][:wanted]


def _documents(material: Material, held_back: Sequence[Member]) -> list[str]:
    """Those that everyone of the audience may read and no question that is held back rests on, by their hashes."""
    library, but = material.library, {tie for one in held_back for tie in one.ties}
    query = select(entries.c.document_id).where(
        manifest.in_release(library.index, library.number), entries.c.reason.is_(None)
    )
    with library.platform.catalog.read() as connection:
        served = {one for one in connection.execute(query).scalars() if document_tie(one) not in but}
    readable = audience.readable(library.platform, served, material.settings.audience)
    return sorted(readable, key=lambda document: hash_of("heading", document))


def _draft(material: Material, row: IndexRow) -> Draft | None:
    """The example of a row that begins its section."""
    heading = row.headings[-1] if row.headings else ""
    body = row.text.removeprefix(heading).strip() if row.text.startswith(f"{heading}\n") else ""
    question = heading if heading.endswith("?") else " ".join(row.headings)
    if min(len(words(question)), len(words(body))) < FEWEST_WORDS:
        return None
    return {
        "question": f"{HEADING}{hash_of('heading', row.document_id, question)[:32]}",
        "query": question,
        "group": document_tie(row.document_id),
        "split": Split.TRAIN,
        "weight": 1.0,
        "source": row.source,
        "language": row.fields.get("language", ""),
        "release": material.library.number,
        "interactions": (),
        "feedback": (),
        "documents": (row.document_id,),
        "chunks": (row.id,),
        "positive": body,
        "negatives": (),
        "relevant": {row.document_id: 1},
    }
