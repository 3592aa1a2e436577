"""One answer, from the question to its checked citations, a stage after the other.

question → passages found → confident enough? → claims of the generator → each quote compared with what is stored
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from penstock import champions, manifest
from penstock.answers.base import Generator
from penstock.answers.citing import Citer
from penstock.answers.confidence import confidence
from penstock.answers.extractive import Extractive
from penstock.answers.results import Answer, Claim, Quote
from penstock.embedding.base import Embedder
from penstock.errors import ModelError, PrunedReleaseError
from penstock.filters import Condition
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.retrieval import Found, Passage, search
from penstock.retrieval.places import Served, served
from penstock.retrieval.trace import Trace
from penstock.settings import AnswerSettings
from penstock.wording import count

SEARCHED = 10
"""Hits that an answer is made from: so many were found when the confidence was calibrated."""
NOTHING_FOUND = "nothing was found that this reader may see"
NOTHING_PASSES = "nothing was found that passes the filter and that this reader may see"
TOO_UNSURE = "what was found is not likely to hold the answer"
NOT_IN_PASSAGES = "the generator found no answer in the passages"


@dataclass(frozen=True, slots=True)
class Reading:
    """The first event of an answer: the passages that it is made from, of all that was found, and who is asked.

    ``generator`` is None where none is, since the question is refused.
    """

    passages: tuple[Passage, ...]
    found: Found
    generator: str | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim, checked, with its quotes."""

    claim: Claim
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The last event: the answer whole, and the id of the interaction that ``recorded`` keeps it as."""

    answer: Answer
    interaction: str | None = None


Event = Reading | Claimed | Ended


def ask(
    platform: Platform,
    index: str,
    question: str,
    as_of: int | None = None,
    principals: tuple[str, ...] = (),
    where: str | Condition | None = None,
    settings: AnswerSettings | None = None,
) -> Answer:
    """Answer from the live release, or from release ``as_of``; the other arguments are those of ``retrieval.search``.

    Raises what a search raises, and ``ModelError`` or ``TransientModelError`` where a generator failed before its first
    claim; one that fails later leaves an answer that says so (``Answer.broken_off``).
    """
    return last(stream(platform, index, question, as_of, principals, where, settings)).answer


def last(events: Iterable[Event]) -> Ended:
    """Listen to the end."""
    for event in events:
        if isinstance(event, Ended):
            return event
    raise AssertionError("a stream of an answer ends with Ended, or raises")


def stream(
    platform: Platform,
    index: str,
    question: str,
    as_of: int | None = None,
    principals: tuple[str, ...] = (),
    where: str | Condition | None = None,
    settings: AnswerSettings | None = None,
) -> Iterator[Event]:
    """The same as it comes: one ``Reading``, a ``Claimed`` for each claim, one ``Ended``. Raises as ``ask`` does."""
    asked = settings or platform.settings.index(index).answer
    found, passages, held, embedder = _material(platform, index, question, as_of, principals, where, asked)
    settings = settings or champions.answering(platform, index, found.champions)

    trace = Trace()
    sure = confidence(question, found, embedder.fingerprint)
    nothing = NOTHING_PASSES if found.setup.where else NOTHING_FOUND
    refused = nothing if not passages else TOO_UNSURE if sure < settings.min_confidence else None
    trace.after("confidence", note=f"{sure:.2f}, {settings.min_confidence:g} is needed")
    generator = None if refused else settings.generator_name
    yield Reading(passages, found, generator)

    citer = Citer(passages, held)
    claims: list[Claim] = []
    broken_off = None
    try:
        for draft in () if refused else _generator(platform, settings, embedder).claims(question, passages):
            if draft.beside:
                citer.leave_out_sentence()
                continue
            claims.append(citer.check(draft))
            yield Claimed(claims[-1], tuple(one for one in citer.quotes if one.number in claims[-1].quotes))
    except ModelError as error:
        if not claims:
            raise
        broken_off = str(error)
    trace.after("generate", note=f"{count(len(claims), 'claim')} by {generator}" if generator else "left out")
    yield Ended(
        Answer(
            index=index,
            release=found.release,
            question=question,
            claims=tuple(claims),
            quotes=citer.quotes,
            passages=passages,
            generator=generator,
            refused=refused if claims else refused or NOT_IN_PASSAGES,
            confidence=round(sure, 4),
            needed=settings.min_confidence,
            dropped=dict(citer.dropped),
            broken_off=broken_off,
            where=found.setup.where,
            stages=(*found.stages, *trace.stages),
        )
    )


def _material(
    platform: Platform,
    index: str,
    question: str,
    as_of: int | None,
    principals: tuple[str, ...],
    where: str | Condition | None,
    settings: AnswerSettings,
) -> tuple[Found, tuple[Passage, ...], dict[str, Served], Embedder]:
    """All that is read of the release, before the first word: what comes later may take long, and outlive a pruning."""
    found = search(platform, index, question, as_of, principals, where, k=max(SEARCHED, settings.max_passages))
    passages = readable_passages(found.passages, settings)
    held = served(platform, index, found.release, {one.document_id for one in passages})
    try:
        return found, passages, held, _embedder(platform, index, found.release)
    except PrunedReleaseError:
        if as_of is not None:
            raise
        return _material(platform, index, question, as_of, principals, where, settings)  # live is another by now


def readable_passages(passages: Sequence[Passage], settings: AnswerSettings) -> tuple[Passage, ...]:
    """The best passages that are together no longer than may be read, the first at any length."""
    kept: list[Passage] = []
    for passage in passages[: settings.max_passages]:
        if kept and sum(len(one.text) for one in kept) + len(passage.text) > settings.max_chars:
            break
        kept.append(passage)
    return tuple(kept)


def _embedder(platform: Platform, index: str, release: int) -> Embedder:
    """The one that embedded the question. Raises ``PrunedReleaseError`` where the release was pruned meanwhile."""
    with platform.catalog.read() as connection:
        row = manifest.generation_row(connection, index, manifest.readable(connection, index, release).generation)
    return platform.embedder(Recipe.of_generation(platform.settings, row).embedder)


def _generator(platform: Platform, settings: AnswerSettings, embedder: Embedder) -> Generator:
    if settings.generator is None:
        return Extractive(embedder, settings.max_sentences)
    return platform.generator(settings.generator)
