"""Champion and challenger on the frozen test split: measured, decided, and written down with every figure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import mean
from typing import Any

from sqlalchemy.engine import Row

from penstock import leases, manifest, trained
from penstock.errors import UsageError
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.promotion import embedders, generators, looks, records, refusing, rerankers
from penstock.promotion.gains import fewest_groups, gain
from penstock.promotion.gate import Limit, Outcome, Verdict, decide
from penstock.promotion.measured import Sides
from penstock.promotion.questions import TestSet, by_slice, test_set
from penstock.promotion.records import Look
from penstock.promotion_settings import PromotionSettings
from penstock.purposes import Purpose
from penstock.wording import count

Measure = Callable[[Platform, str, Row[Any], TestSet, Look, Progress], Sides]
MEASURES: Mapping[Purpose, Measure] = {
    Purpose.EMBEDDER: embedders.compare,
    Purpose.RERANKER: rerankers.compare,
    Purpose.GENERATOR: generators.compare,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison as it is kept. ``release``: what the challenger built and waits with; ``report``: every figure."""

    number: int
    index: str
    purpose: str
    challenger: str
    champion: str | None
    set_id: str
    look: int
    release: int | None
    outcome: str
    report: Mapping[str, Any]

    @property
    def exit_code(self) -> int:
        return 0 if self.outcome == Outcome.PROMOTE else 1

    def to_dict(self) -> dict[str, Any]:
        return {
            "comparison": self.number,
            "index": self.index,
            "purpose": self.purpose,
            "challenger": self.challenger,
            "champion": self.champion,
            "set": self.set_id,
            "look": self.look,
            "release": self.release,
            "outcome": self.outcome,
            **self.report,
        }


def compare(
    platform: Platform,
    index: str,
    challenger: str,
    progress: Progress | None = None,
    wait_s: float = 0.0,
    override: bool = False,
) -> Compared:
    """Compare a model that was trained here with today's champion, and keep what came out.

    Each comparison is a look at the test examples of the index, and the more looks there were, the surer a gain must
    be. With fewer examples than the settings ask for nothing is looked at. ``override``: also a model that learned
    something that was erased or restricted since.

    Raises ``UsageError`` for a model that serves already or where there is no training set, ``RefusedError`` where the
    index cannot be built anew now or the model could not serve in any case, ``LeaseHeldError`` where another still
    writes it after ``wait_s`` seconds.
    """
    # Examples and champion are read anew each time: whoever had the turn may have erased or promoted something.
    work = partial(_compare, platform, index, challenger, progress or Progress(), override)
    return leases.in_turn(work, wait_s, min(5.0, platform.settings.store.lease_s / 10))


def _compare(platform: Platform, index: str, challenger: str, progress: Progress, override: bool) -> Compared:
    settings = platform.settings.index(index).training.gate
    with platform.catalog.read() as connection:
        model = trained.model_row(connection, index, challenger)
        purpose = Purpose(model.purpose)
        champion = manifest.champions(connection, index).get(purpose)
        number = records.looked(connection, index, purpose) + 1
    if champion == model.id:
        raise UsageError(f"{model.purpose} {model.id} is the champion of {index!r} already; name a challenger")
    refusing.require_fit(platform, index, model, override)
    test = test_set(platform, index, purpose)
    if purpose is Purpose.EMBEDDER:
        refusing.require_same_tokens(platform, index, model)
    if why := untold(platform, index, purpose, test, number):
        return _unseen(platform, index, model, test, why)
    look = Look(platform, index, purpose, model.id, test.id, champion)
    sides = MEASURES[purpose](platform, index, model, test, look, progress)
    verdict, report = judge(sides, model, test, look.alpha, settings)
    with platform.catalog.write() as connection:
        records.end(connection, look.number, verdict.outcome, report, sides.release)
    return kept(platform, index, look.number)


def foreseen(platform: Platform, index: str, purpose: Purpose) -> list[str]:
    """Why the next comparison could decide nothing, which is known before hours of training; empty where it could.

    Raises what ``questions.test_set`` raises.
    """
    with platform.catalog.read() as connection:
        look = records.looked(connection, index, purpose) + 1
    return untold(platform, index, purpose, test_set(platform, index, purpose), look)


def untold(platform: Platform, index: str, purpose: Purpose, test: TestSet, look: int) -> list[str]:
    """Why a test split could tell no gain from luck at that look, whatever the challenger; empty where it could."""
    least = platform.settings.index(index).training.gate.min_test_examples
    asked = refusing.answerable(platform, index, purpose, test)
    if len(asked) < least:
        return _too_few(index, len(asked), len(test), least)
    why = _too_few_groups((test.groups[one] for one in asked), look)
    return [why] if why else []


def judge(
    sides: Sides, model: Row[Any], test: TestSet, alpha: float, settings: PromotionSettings
) -> tuple[Verdict, dict[str, Any]]:
    """What the figures come to, and the report of them. Pure."""
    differences = sides.differences
    groups = [test.groups[one] for one in differences]
    if len(set(groups)) < 2:
        why = (
            f"{len(differences)} of {len(test)} examples could be asked, in {len(set(groups))} groups: too few to tell"
        )
        return Verdict(Outcome.TOO_FEW, (why,)), {"reasons": [why], "remarks": list(sides.remarks)}
    found = gain(list(differences.values()), groups, alpha, settings.min_gain)
    limits = {**sides.limits, "its size in MB": Limit(model.size_bytes / refusing.MB, settings.max_size_mb)}
    verdict = decide(found, alpha, sides.guards, limits, settings.min_test_examples)
    if sides.stops or (sides.release is None and model.purpose == Purpose.EMBEDDER):
        outcome = Outcome.KEEP if verdict.outcome is Outcome.PROMOTE else verdict.outcome
        verdict = Verdict(outcome, (*verdict.reasons, *sides.stops))
    report = {
        "gain": found.to_dict(),
        "alpha": alpha,
        "means": {
            "champion": mean(sides.champion[one] for one in differences),
            "challenger": mean(sides.challenger[one] for one in differences),
        },
        "slices": {name: one.to_dict() for name, one in by_slice(differences, test).items()},
        "guards": {name: {**one.to_dict(), "tolerated": most} for name, (one, most) in sides.guards.items()},
        "limits": {name: {"value": one.value, "most": one.most} for name, one in limits.items()},
        "reasons": list(verdict.reasons),
        "remarks": list(sides.remarks),
        **sides.figures,
    }
    return verdict, report


def _too_few(index: str, examples: int, of: int, least: int) -> list[str]:
    gone = f" (the live release holds no answer to {of - examples:,} more)" if of > examples else ""
    seen = f"{examples} would show a gain of about {resolvable(examples):.2f}, {least} one of {resolvable(least):.2f}"
    few = f"{count(examples, 'test example')} of {least:,} that are asked for{gone}: nothing was compared"
    more = f"collect more feedback and build the set again, or lower indexes.{index}.training.gate.min_test_examples"
    return [few, seen, more]


def _too_few_groups(groups: Iterable[str], look: int) -> str | None:
    """Why not even the largest gain could be told from luck, where that is so: luck is drawn by group."""
    found, least = len(set(groups)), fewest_groups(looks.alpha(look))
    if found >= least:
        return None
    return (
        f"the test examples are of {count(found, 'group')}, and look {look} takes {least}: no gain, however large, "
        "could be told from luck, so nothing was compared; collect feedback on other documents"
    )


def _unseen(platform: Platform, index: str, model: Row[Any], test: TestSet, reasons: Sequence[str]) -> Compared:
    """Nothing is looked at, and no look is spent."""
    report = {"reasons": list(reasons), "remarks": []}
    with platform.catalog.write() as connection:
        number = records.unseen(
            connection, platform.catalog, index, Purpose(model.purpose), model.id, test.id, Outcome.TOO_FEW, report
        )
    return kept(platform, index, number)


TYPICAL_DEVIATION = 0.28
"""Of a question's difference in nDCG@10 between a model and a tuned one (FeedbackQA, 1,518 questions)."""


def resolvable(n: int) -> float:
    """The gain that a first look at ``n`` examples would find in four of five cases, were they independent.

    >>> f"{resolvable(100):.3f}"
    '0.078'
    """
    from scipy.stats import norm

    sure = float(norm.ppf(1 - looks.FIRST) + norm.ppf(0.8))
    return float(sure * TYPICAL_DEVIATION / max(n, 1) ** 0.5)


def kept(platform: Platform, index: str, number: int) -> Compared:
    """A comparison as the catalog has it."""
    with platform.catalog.read() as connection:
        row = next(one for one in records.of_index(connection, index) if one.id == number)
    return of_row(row)


def of_row(row: Row[Any]) -> Compared:
    return Compared(
        number=row.id,
        index=row.index_name,
        purpose=row.purpose,
        challenger=row.challenger,
        champion=row.champion,
        set_id=row.set_id,
        look=row.look,
        release=row.release,
        outcome=row.outcome,
        report=row.report,
    )
