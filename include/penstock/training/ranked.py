"""Examples for what finds and what ranks: questions with passages that answer them, and passages that do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from penstock.records import IndexRow
from penstock.training.audience import for_all
from penstock.training.examples import Graded
from penstock.training.gathering import Asked, Judgement
from penstock.training.material import Draft, Maker, Material, facts
from penstock.training.mining import Mined, mine
from penstock.training.passages import chunks_named, documents_of
from penstock.training.placing import Placed

NEEDS = "collect ratings of passages, or right passages (`penstock feedback give`, `penstock feedback import`)"


@dataclass(frozen=True, slots=True)
class Found:
    """One question with the rows of its right documents, the best first, and those that do not answer it."""

    asked: Asked
    right: tuple[tuple[Judgement, IndexRow], ...]
    mined: Mined

    def behind(self, rows: Sequence[IndexRow]) -> Draft:
        """What an example rests on that holds the texts of these rows."""
        said = {each["id"] for judgement in self.asked.judgements for each in judgement.said}
        return {
            "feedback": tuple(sorted(said)),
            "documents": tuple(dict.fromkeys(row.document_id for row in rows)),
            "chunks": tuple(row.id for row in rows),
        }


def usable(material: Material) -> list[Asked]:
    """Questions with a right document that the release serves and that may be shown; the words may be, too."""
    asked = material.found.asked
    material.library.load(documents_of(asked), chunks_named(asked))
    kept = []
    for one in asked:
        right = [document for document in one.right if material.library.rows.get(document)]
        if not one.right:
            material.left_out["questions of which no document is judged right"] += bool(one.judgements)
        elif not right:
            material.left_out["questions whose right document is not served"] += 1
        elif not material.readable.intersection(right):
            material.left_out["questions answered by what not all of the audience may read"] += 1
        elif material.quotes_hidden(one.query):
            material.left_out["questions that quote what not all of the audience may read"] += 1
        else:
            kept.append(one)
    return kept


def for_embedder(material: Material, asked: list[Asked], placed: Placed) -> list[Draft]:
    """An example for each right document of each question."""
    drafts = []
    for found in _found(material, asked, placed):
        relevant = {judgement.document: judgement.grade for judgement, _row in found.right}
        negatives = tuple(map(material.library.text, found.mined.rows))
        for judgement, row in found.right:
            own = {
                "weight": 1.0 if judgement.spoken else material.settings.implicit_weight,
                "positive": material.library.text(row),
                "negatives": negatives,
                "relevant": relevant,
            }
            behind = found.behind([row, *found.mined.rows])
            drafts.append({**facts(material, found.asked, placed, behind, row), **own})
    return drafts


def for_reranker(material: Material, asked: list[Asked], placed: Placed) -> list[Draft]:
    """An example a question; one to whose right passage there is nothing to compare it with is left out."""
    drafts = []
    for found in _found(material, asked, placed):
        if not found.mined.rows:
            material.left_out["questions with nothing to rank below the right passage"] += 1
            continue
        graded = [Graded(material.library.text(row), judgement.liking) for judgement, row in found.right]
        graded += [Graded(material.library.text(row), 0.0) for row in found.mined.rows]
        spoken = any(judgement.spoken for judgement, _row in found.right)
        own = {
            "weight": 1.0 if spoken else material.settings.implicit_weight,
            "passages": tuple(sorted(graded, key=lambda one: -one.grade)),
        }
        rows = [row for _judgement, row in found.right] + list(found.mined.rows)
        drafts.append({**facts(material, found.asked, placed, found.behind(rows), rows[0]), **own})
    return drafts


EMBEDDER = Maker(usable, for_embedder, NEEDS)
RERANKER = Maker(usable, for_reranker, NEEDS)


def _found(material: Material, asked: Sequence[Asked], placed: Placed) -> Iterator[Found]:
    """Search for each question, then look at all texts together: their vectors are read pack by pack."""
    library = material.library
    material.progress.stage("search", len(asked))
    candidates: dict[int, list[IndexRow]] = {}
    for nth, one in enumerate(asked):
        candidates[nth] = [
            row for row in library.candidates(one, material.principals) if for_all(row.principals, material.principals)
        ]
        material.progress.advance()
    judged = (row for document in documents_of(asked) for row in library.rows.get(document, ()))
    library.embed(map(library.text, (*judged, *(row for rows in candidates.values() for row in rows))))
    called_right = _called_right(asked, placed)
    for nth, one in enumerate(asked):
        question = library.question(one.query)
        right = [
            (judgement, row)
            for document, judgement in one.right.items()
            if document in material.readable and (row := library.best(question, judgement))
        ]
        mined = mine(
            library,
            one,
            question,
            [row for _judgement, row in right],
            candidates[nth],
            called_right[placed.groups[one.question]],
            material.readable | {row.document_id for row in candidates[nth]},
            material.settings.negatives_below,
            material.settings.negatives,
        )
        material.left_out["candidates that may be right, though nobody said so"] += mined.doubtful
        yield Found(one, tuple(right), mined)


def _called_right(asked: Sequence[Asked], placed: Placed) -> Mapping[str, set[str]]:
    """By group: documents that are right for any question of it."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in asked:
        found[placed.groups[one.question]].update(one.right)
    return found
