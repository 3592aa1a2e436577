"""A training set from what people said, a stage after the other.

heard, shared out, judged → what may be read → grouped and split → no question of an evaluation → examples of the
purpose → frozen, with its card
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penstock.errors import RefusedError
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.purposes import Purpose
from penstock.training import cards, dialogues, guarding, headings, ranked, remembering, sets
from penstock.training.examples import KINDS, AnyExample, content_id
from penstock.training.gathering import Asked, gather, shared_out
from penstock.training.groups import Member, document_tie
from penstock.training.material import Draft, Maker, Material
from penstock.training.passages import Library
from penstock.training.placing import Placed, place
from penstock.training.sets import TrainingSet
from penstock.training.splits import Split
from penstock.training_settings import TrainingSettings

MAKERS: Mapping[Purpose, Maker] = {
    Purpose.EMBEDDER: ranked.EMBEDDER,
    Purpose.RERANKER: ranked.RERANKER,
    Purpose.GENERATOR: dialogues.GENERATOR,
}


@dataclass(frozen=True, slots=True)
class Options:
    """What one build is told. ``guards`` are files or BEIR folders whose questions must not be learned."""

    since: datetime | None = None
    guards: tuple[Path, ...] = ()
    drop_leaks: bool = False


def build(
    platform: Platform,
    index: str,
    purpose: Purpose,
    options: Options | None = None,
    progress: Progress | None = None,
) -> TrainingSet:
    """Make a set of the live release and freeze it; the same state of the catalog gives the same set.

    Raises ``RefusedError`` for a set that would teach a question of an evaluation, or that too few people supply, and
    where nothing that was said makes an example; ``NothingPublishedError``.
    """
    options, maker = options or Options(), MAKERS[purpose]
    settings = platform.settings.index(index).training
    guards = guarding.read(platform, index, options.guards)
    library = Library.live(platform, index)
    found = gather(platform, index, settings, options.since)
    material = Material.of(library, found, settings, progress or Progress())

    usable = maker.usable(material)
    asked = [one for one in usable if library.understands(one.where)]
    found.left_out["questions under a filter that the release does not know"] += len(usable) - len(asked)
    members = _members(platform, index, asked, found.asked)
    placed = place(members, remembering.splits(platform, index), index)
    found.left_out["questions that tie two splits together"] += len({one.question for one in asked} & placed.bridges)
    asked = [one for one in asked if one.question in placed.splits]
    asked = _without_leaks(asked, placed, guards, options, found.left_out)
    asked = [replace(one, query=material.clean(one.query)) for one in asked]

    examples = examples_of(purpose, maker.make(material, asked, placed))
    examples = shared_out(examples, settings, found)
    if not examples:
        raise RefusedError(
            f"nothing that was said of {index!r} makes an example to tune a model on{_told(found.left_out)}; "
            f"{maker.needs}"
        )
    remembering.settle(platform, index, placed, {one.question for one in examples})
    if purpose is Purpose.EMBEDDER:
        held_back = [one for one in members if placed.splits.get(one.id) is not Split.TRAIN]
        examples += examples_of(purpose, headings.drafts(material, held_back, guards))
    card = cards.card(material, examples, guards.sets)
    return sets.freeze(platform, index, purpose, library.number, examples, _said(options, settings), card)


def _members(platform: Platform, index: str, asked: Sequence[Asked], log: Sequence[Asked]) -> list[Member]:
    """The questions as they are grouped: ``asked`` and those of earlier sets, of whatever purpose.

    What ties one is read from the ``log`` as long as that has it, also where it is no example for this purpose: else a
    question would be tied by one thing when it got its split and by another when the next set is built.
    """
    known = remembering.members(platform, index, {one.question for one in log})
    wanted = {one.question for one in asked} | known.keys()
    under: dict[str, list[Asked]] = defaultdict(list)
    for one in log:
        if one.question in wanted:
            under[one.question].append(one)
    now = {question: _member(those, known.get(question)) for question, those in under.items()}
    return sorted((known | now).values(), key=lambda one: one.id)


def _member(those: Sequence[Asked], before: Member | None) -> Member:
    """One question, which may be asked under several filters; ``before``: what earlier sets hold of it."""
    right = [[document_tie(document) for document in one.right] for one in those]
    ties = {f"session {session}" for one in those for session in one.sessions} | {found[0] for found in right if found}
    others = {tie for found in right for tie in found} | {*((*before.ties, *before.others) if before else ())}
    return Member(those[0].question, those[-1].query, tuple(sorted(ties)), tuple(sorted(others - ties)))


def _without_leaks(
    asked: list[Asked], placed: Placed, guards: guarding.Guards, options: Options, left_out: Counter[str]
) -> list[Asked]:
    """What may be learned: questions of the test split are not, so that these may be a guard's too."""
    learned = {one.question: one for one in asked if placed.splits[one.question] is not Split.TEST}
    found = guarding.leaking({name: one.query for name, one in learned.items()}, guards)
    if found and not options.drop_leaks:
        raise guarding.refusal(found, guards, {name: one.rows[0]["id"] for name, one in learned.items()})
    offenders = {one.example for one in found}
    left_out["questions that models are judged by"] += len(offenders)
    return [one for one in asked if one.question not in offenders]


def examples_of(purpose: Purpose, drafts: Sequence[Draft]) -> list[AnyExample]:
    """One of each content: what was asked under two filters and came to the same rests on all of it."""
    kind: Callable[..., AnyExample] = KINDS[purpose]
    found: dict[str, AnyExample] = {}
    for draft in drafts:
        one = kind(id=content_id(purpose, draft), **draft)
        known = found.get(one.id, one)
        found[one.id] = replace(
            one,
            interactions=tuple(sorted({*known.interactions, *one.interactions})),
            feedback=tuple(sorted({*known.feedback, *one.feedback})),
        )
    return list(found.values())


def _told(left_out: Counter[str]) -> str:
    """What was left out, where anything was: contradictions, say, which no more of the same would mend."""
    told = [f"{number:,} {what}" for what, number in sorted(left_out.items()) if number]
    return f" (left out: {', '.join(told)})" if told else ""


def _said(options: Options, settings: TrainingSettings) -> dict[str, Any]:
    since = options.since and options.since.astimezone(UTC).isoformat()
    return {
        "since": since,
        "guards": [str(one) for one in options.guards],
        "drop_leaks": options.drop_leaks,
        "settings": settings.model_dump(mode="json"),
    }
