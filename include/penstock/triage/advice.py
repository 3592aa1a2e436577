"""What to do next, from what triage found: would better information in the prompt have helped, or only another model?

Pure. Retrieval first: a model is named only for complaints that no document, right or setting answers, and only with
enough examples. docs/when-to-tune.md says the same to people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from penstock import wording
from penstock.promotion.gains import Gain
from penstock.purposes import Purpose
from penstock.triage.causes import Cause


class Step(StrEnum):
    """Stable names: they are stored and shown."""

    ADD = "add-documents"
    MEND = "mend-documents"
    RIGHTS = "check-rights"
    SETTINGS = "change-settings"
    EMBEDDER = "tune-embedder"
    RERANKER = "tune-reranker"
    GENERATOR = "tune-generator"
    COLLECT = "collect-feedback"
    NOTHING = "nothing"


MODELS = {
    Step.EMBEDDER: (Cause.RETRIEVAL, "questions with a document that is known to be right"),
    Step.RERANKER: (Cause.RANKING, "questions with a right passage and others to rank below it"),
    Step.GENERATOR: (Cause.BEHAVIOUR, "answers that were corrected or well rated, and that passages bear"),
}
"""What each is for, and what its examples are."""
PURPOSES = {Step.EMBEDDER: Purpose.EMBEDDER, Step.RERANKER: Purpose.RERANKER, Step.GENERATOR: Purpose.GENERATOR}
SURE = 0.025
"""The chance of a false gain that all the settings which were tried may have together, one-sided."""


@dataclass(frozen=True, slots=True)
class Tried:
    """Settings that the log was replayed under, as in ``vector_weight=0.7``, and the gain in nDCG@10."""

    settings: str
    gain: Gain


@dataclass(frozen=True, slots=True)
class Findings:
    """All that advice rests on. ``examples`` counts by model step, ``needed`` says from how many on tuning pays.

    ``served_by_now``: the complaints of something stale that whoever asks today does not have. ``refused``: why nothing
    of what was said may be learned, where that is so.
    """

    asked: int
    causes: Mapping[Cause, int]
    topics: Sequence[str]
    waiting: Sequence[str]
    tried: Sequence[Tried]
    examples: Mapping[Step, int]
    needed: Mapping[Step, int]
    served_by_now: int = 0
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """One step. ``share`` of the complaints it could answer; ``details`` are what to look at first."""

    step: Step
    share: float
    why: str
    details: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def advise(found: Findings) -> list[Advice]:
    """The steps that would help, by the share of complaints that each could answer; one that says so where none."""
    clear = sum(count for cause, count in found.causes.items() if cause is not Cause.UNCLEAR)
    if not clear:
        return [_without_evidence(found)]
    better = _better(found)
    steps = [*_documents(found), *_settings(better, found)]
    steps += [
        _model(step, found) for step in MODELS if found.causes.get(MODELS[step][0], 0) and not _first(step, better)
    ]
    if found.causes.get(Cause.UNCLEAR):
        steps.append(_without_evidence(found))
    return sorted(steps, key=lambda one: -one.share)


def _without_evidence(found: Findings) -> Advice:
    unclear = found.causes.get(Cause.UNCLEAR, 0)
    if unclear:
        why = f"of {wording.count(unclear, 'complaint')} nobody said what would have been right"
        return Advice(Step.COLLECT, 0.0, f"{why}; ask for corrections, or for the right passage")
    return Advice(Step.NOTHING, 0.0, f"nobody complained of {wording.count(found.asked, 'interaction')}")


def _documents(found: Findings) -> list[Advice]:
    stale = "what was asked for is there, and was not served"
    if found.served_by_now:
        stale += f"; of {wording.count(found.served_by_now, 'complaint')} it is by now"
    steps = (
        (Cause.MISSING, Step.ADD, "no document holds what was asked for", found.topics, 0),
        (Cause.STALE, Step.MEND, stale, found.waiting, found.served_by_now),
        (Cause.ACCESS, Step.RIGHTS, "those who asked may not see what would have answered them", (), 0),
    )
    return [
        Advice(step, _share(found, cause, but), why, tuple(details))
        for cause, step, why, details, but in steps
        if found.causes.get(cause)
    ]


def _better(found: Findings) -> Tried | None:
    """The settings of the largest gain, if luck does not explain it."""
    allowed = SURE / max(len(found.tried), 1)
    sure = [one for one in found.tried if one.gain.p <= allowed and one.gain.low > 0]
    return max(sure, key=lambda one: one.gain.mean, default=None)


def _settings(better: Tried | None, found: Findings) -> list[Advice]:
    if better is None:
        return []
    gained = wording.gain(better.gain.to_dict())
    why = f"with {better.settings} the logged questions reach an nDCG@10 higher by {gained}"
    return [Advice(Step.SETTINGS, _share(found, Cause.RETRIEVAL) + _share(found, Cause.RANKING), why)]


def _first(step: Step, better: Tried | None) -> bool:
    """Whether settings come before this model: they answer some of its complaints, for nothing."""
    return better is not None and step in (Step.EMBEDDER, Step.RERANKER)


def _model(step: Step, found: Findings) -> Advice:
    cause, what = MODELS[step]
    if found.refused:
        return Advice(step, 0.0, f"not yet: {found.refused}")
    have, needed = found.examples.get(step, 0), found.needed[step]
    if have < needed:
        return Advice(step, 0.0, f"not yet: it takes {needed:,} {what}, {have:,} so far")
    return Advice(step, _share(found, cause), f"there are {have:,} {what}, {needed:,} are needed")


def _share(found: Findings, cause: Cause, but: int = 0) -> float:
    return (found.causes.get(cause, 0) - but) / max(sum(found.causes.values()), 1)
