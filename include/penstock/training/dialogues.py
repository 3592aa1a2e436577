"""Examples for what answers: the prompt that a chat model is sent, and what it should have written.

The prompt is that of ``answers.openai``: the passages that the index finds today, the right one among them, the others
its distractors. An answer is rewritten as what the service takes: claims with quotes, letter by letter out of the
passages. One whose sentences no passage bears is left out, since a model that learned it would learn to invent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from sqlalchemy import select

from penstock.answers.base import Draft as Claimed
from penstock.answers.base import DraftQuote
from penstock.answers.citing import Citer
from penstock.answers.confidence import confidence
from penstock.answers.pipeline import SEARCHED, readable_passages
from penstock.answers.prompt import messages
from penstock.answers.results import without_marks
from penstock.batching import batched
from penstock.catalog.schema import interactions, verdicts
from penstock.chunking import sentences
from penstock.feedback.hearing import Row
from penstock.feedback.saying import Kind
from penstock.ids import hash_of
from penstock.retrieval import Found, Passage, search
from penstock.retrieval.places import served
from penstock.training import audience
from penstock.training.gathering import Asked
from penstock.training.material import Draft, Maker, Material, facts
from penstock.training.placing import Placed
from penstock.triage.causes import Cause
from penstock.words import sought_stems, stems

NEEDS = "collect corrections, or ratings of whole answers (`penstock feedback give`, `penstock feedback import`)"
BORNE = 0.6
"""A sentence is borne by one of a passage that holds this share of its words that carry meaning."""
REFUSAL = json.dumps({"claim": None})
FENCE_CHARS = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a question should have been answered, in words (None: that nothing answers it), and what it should not.

    Of a refusal: ``sure``, the chance of then that the index holds an answer, and ``missed``, what no document said.
    """

    text: str | None
    rejected: str | None
    said: tuple[str, ...]
    sure: float | None = None
    missed: str | None = None


def usable(material: Material) -> list[Asked]:
    """Questions whose answer somebody corrected or rated well, or that were refused rightly."""
    answers, missing = _answers(material), _missing(material)
    kept = []
    for one in material.found.asked:
        if _wanted(one, material, answers, missing) is None:
            continue
        if material.quotes_hidden(one.query):
            material.left_out["questions that quote what not all of the audience may read"] += 1
            continue
        kept.append(one)
    return kept


def for_generator(material: Material, asked: list[Asked], placed: Placed) -> list[Draft]:
    answers, missing = _answers(material), _missing(material)
    material.progress.stage("search", len(asked))
    drafts = []
    for one in asked:
        wanted = _wanted(one, material, answers, missing)
        found, passages = _passages(material, one)
        material.progress.advance()
        if wanted is None or not passages:
            material.left_out["questions for which nothing is found"] += 1
            continue
        if wanted.text is None and _holds_by_now(material, wanted, one.query, found, passages):
            material.left_out["refusals of what the index may answer by now"] += 1
            continue
        written = REFUSAL if wanted.text is None else _claims(material, wanted.text, passages)
        if written is None:
            material.left_out["answers that no passage bears"] += 1
            continue
        drafts.append(_draft(material, one, placed, wanted, passages, written))
    return drafts


GENERATOR = Maker(usable, for_generator, NEEDS)


def _draft(
    material: Material, one: Asked, placed: Placed, wanted: Wanted, passages: Sequence[Passage], written: str
) -> Draft:
    fence = hash_of("fence", one.question, *(chunk for passage in passages for chunk in passage.chunks))[:FENCE_CHARS]
    rejected = None if wanted.rejected is None else _rejected(material, wanted.rejected, passages)
    behind = {
        "weight": 1.0,
        "feedback": wanted.said,
        "documents": tuple(dict.fromkeys(passage.document_id for passage in passages)),
        "chunks": tuple(chunk for passage in passages for chunk in passage.chunks),
    }
    first = material.library.row_of(passages[0].document_id)
    return {
        **facts(material, one, placed, behind, first),
        "messages": tuple(messages(one.query, passages, fence)),
        "answer": written,
        "rejected": None if rejected == written else rejected,
        "refusal": wanted.text is None,
    }


# what somebody wants to read


def _wanted(one: Asked, material: Material, answers: Mapping[str, Row], missing: frozenset[str]) -> Wanted | None:
    """The latest that somebody wanted, a correction before an answer that was liked; None where nobody said.

    Of what no document holds, a refusal, whatever somebody wrote that the answer should be.
    """
    heard, liked, disliked = material.found.heard, None, None
    for row in reversed(one.rows):
        answer, ratings = (answers.get(row["id"]) or {}).get("answer"), heard.ratings(row)
        rated = tuple(sorted(each["id"] for each in heard.of(row, Kind.RATING) if each["document_id"] is None))
        corrections = [each for each in heard.of(row, Kind.CORRECTION) if each["text"]]
        mood, sure = fmean(ratings) if ratings else 0.0, row["setup"].get("confidence")
        if row["id"] in missing:
            said = tuple(sorted(each["id"] for each in corrections))
            return Wanted(None, answer, said, sure, corrections[-1]["text"] if corrections else None)
        if corrections and not material.quotes_hidden(corrections[-1]["text"]):
            return Wanted(corrections[-1]["text"], answer, (corrections[-1]["id"],))
        if mood > 0 and (row["refused"] or answer):
            liked = liked or Wanted(None if row["refused"] else answer, None, rated, sure)
        elif mood < 0 and answer:
            disliked = disliked or answer
    return replace(liked, rejected=disliked) if liked else None


def _answers(material: Material) -> dict[str, Row]:
    """By interaction: answers that are kept, and rest on nothing that not all of the audience may read."""
    found: dict[str, Row] = {}
    columns = [interactions.c[name] for name in ("id", "answer", "citations", "shown")]
    ids = [row["id"] for one in material.found.asked for row in one.rows]
    with material.platform.catalog.read() as connection:
        for batch in batched(ids):
            query = select(*columns).where(interactions.c.id.in_(batch), interactions.c.answer.is_not(None))
            found |= {row.id: row._asdict() for row in connection.execute(query)}
    behind = {
        id_: {one["document"] for one in row["citations"]} | {one[1] for one in row["shown"]}
        for id_, row in found.items()
    }
    allowed = audience.readable(
        material.platform, {one for mine in behind.values() for one in mine}, material.settings.audience
    )
    return {
        id_: row for id_, row in found.items() if behind[id_] <= allowed and not material.quotes_hidden(row["answer"])
    }


def _missing(material: Material) -> frozenset[str]:
    """Interactions of which triage found that no document holds what was asked for: to refuse was right."""
    found: set[str] = set()
    with material.platform.catalog.read() as connection:
        for batch in batched(row["id"] for one in material.found.asked for row in one.rows):
            query = select(verdicts.c.interaction_id).where(
                verdicts.c.interaction_id.in_(batch), verdicts.c.cause == Cause.MISSING
            )
            found.update(connection.execute(query).scalars())
    return frozenset(found)


# how it is written


def _holds_by_now(material: Material, wanted: Wanted, query: str, found: Found, passages: Sequence[Passage]) -> bool:
    """Whether what was rightly refused may be answered since: a model would learn to refuse what it is shown."""
    if wanted.missed is not None:
        return _claims(material, wanted.missed, passages) is not None
    if wanted.sure is None:
        return False
    now = round(confidence(query, found, found.setup.embedder), 4)
    return now > wanted.sure and now >= material.platform.settings.index(material.library.index).answer.min_confidence


def _passages(material: Material, one: Asked) -> tuple[Found, tuple[Passage, ...]]:
    """What is found, and of it what the service would send: what everyone of the audience may read."""
    platform, index = material.platform, material.library.index
    settings = platform.settings.index(index).answer
    count = max(SEARCHED, settings.max_passages)
    found = search(platform, index, one.query, material.library.number, material.principals, one.where or None, k=count)
    allowed = audience.readable(
        platform, {passage.document_id for passage in found.passages}, material.settings.audience
    )
    return found, readable_passages([one for one in found.passages if one.document_id in allowed], settings)


def _claims(material: Material, text: str, passages: Sequence[Passage]) -> str | None:
    """The text as claims with quotes, a JSON object a line; None where the service would find one unsupported."""
    held = served(
        material.platform, material.library.index, material.library.number, {one.document_id for one in passages}
    )
    citer = Citer(passages, held)
    lines = []
    text = without_marks(text)
    for start, end in sentences(text):
        claim = Claimed(" ".join(material.clean(text[start:end]).split()), tuple(_quotes(text[start:end], passages)))
        if not claim.text:
            continue
        if citer.check(claim).unsupported:
            return None
        lines.append(_line(claim))
    return "\n".join(lines) or None


def _quotes(claim: str, passages: Sequence[Passage]) -> Iterator[DraftQuote]:
    """The sentence of the passages that says most of the claim."""
    sought = set(sought_stems(claim))
    best: tuple[float, DraftQuote] | None = None
    for number, passage in enumerate(passages, 1):
        for start, end in sentences(passage.text):
            quote = passage.text[start:end]
            share = len(sought & set(stems(quote))) / max(len(sought), 1)
            if share >= BORNE and (best is None or share > best[0]):
                best = share, DraftQuote(number, quote)
    if best:
        yield best[1]


def _rejected(material: Material, text: str, passages: Sequence[Passage]) -> str:
    """An answer that was not wanted, in the same form: with the quotes that it finds, or without."""
    text = without_marks(text)
    spans = [text[start:end] for start, end in sentences(text)]
    claims = [Claimed(" ".join(material.clean(one).split()), tuple(_quotes(one, passages))) for one in spans]
    return "\n".join(_line(one) for one in claims if one.text)


def _line(claim: Claimed) -> str:
    quotes: list[dict[str, Any]] = [{"passage": one.passage, "quote": one.text} for one in claim.quotes]
    return json.dumps({"claim": claim.text, "quotes": quotes}, ensure_ascii=False)
