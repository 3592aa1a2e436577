"""The retrieval gate: what a release would answer, asked before anybody may see it.

The golden questions are asked of the staged release and of the live one, side by side, so that rights and models are
those of the same minute. Luck does not refuse: only a drop whose whole interval lies below what is allowed, or a
question that must pass and does not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from penstock import champions, manifest, wording
from penstock.errors import NAMES_SHOWN, ConfigError, UsageError
from penstock.evaluation import golden, keeping, measures
from penstock.evaluation.asking import Side
from penstock.evaluation.comparing import Comparison, compare
from penstock.evaluation.documents import NO_SUCH_FIELD, UNKNOWN
from penstock.evaluation.measuring import Measured, measure
from penstock.evaluation.questions import QuestionSet
from penstock.leases import Lease
from penstock.platform import Platform
from penstock.quality import Gate
from penstock.settings import GateSettings

RETRIEVAL, MUST_PASS = "golden-questions", "must-pass"


def check(platform: Platform, index: str, number: int, lease: Lease) -> list[Gate]:
    """Ask a staged release the golden questions of its index and keep the results.

    Returns two verdicts, or one where no question must pass. Raises ``ConfigError`` where the file cannot be read,
    ``LeaseLostError`` where another writer has the index by now.
    """
    settings = platform.settings.index(index).gates
    if settings.golden is None:
        return []
    questions = read(platform, index, settings.golden)
    with platform.catalog.read() as connection:
        row = manifest.release_row(connection, index, number)
        collection = manifest.generation_row(connection, index, row.generation).collection
        live, _ = manifest.pointer(connection, index)
    platform.collection(str(collection)).settle()  # every search finds what was staged
    retrieval = champions.retrieval(platform, index)
    try:
        staged = measure(platform, index, Side(number, retrieval, lease), questions)
    except UsageError as error:
        raise ConfigError(f"{settings.golden}: {error}") from error
    comparison, unread = None, {}
    if live is not None:
        before = measure(platform, index, Side(live, retrieval), questions, lenient=True)
        comparison = compare(staged, before)
        unread = {id_: why for id_, why in before.absent.items() if why == NO_SUCH_FIELD and id_ in staged.results}
    keeping.keep(platform, index, staged, keeping.BY_GATE, comparison)
    found = [change_gate(staged, comparison, live, settings, unread)]
    return [*found, must_pass_gate(staged)] if any(one.must_pass for one in questions.questions) else found


def read(platform: Platform, index: str, path: Path) -> QuestionSet:
    """The golden questions of an index. Raises ``ConfigError`` naming the setting, the file and its line."""
    try:
        return golden.read(path)
    except UsageError as error:
        raise ConfigError(f"{platform.settings.file}: indexes.{index}.gates.golden: {error}") from error


def change_gate(
    staged: Measured,
    comparison: Comparison | None,
    live: int | None,
    settings: GateSettings,
    unread: Mapping[str, str] = MappingProxyType({}),
) -> Gate:
    """The verdict on the change of nDCG@10 against the live release.

    ``unread``: questions that the live release could not be asked, and why.
    """
    limit = f"no drop beyond luck of more than {settings.max_golden_drop:g}"
    asked = wording.count(len(staged.results), "golden question") + _not_asked(staged.absent)
    change = comparison.change.get(measures.MAIN) if comparison else None
    if comparison is None or change is None:
        figure = staged.figures.get(measures.MAIN)
        observed = f"{measures.MAIN} {figure.mean:.3f}" if figure else "none could be asked"
        beside = "no release is live to compare with" if live is None else f"none was asked of release {live} too"
        beside += _not_asked(unread)
        return Gate(RETRIEVAL, True, observed, limit, f"{asked}; {beside}")
    interval = "" if change.low is None else f" [{change.low:+.3f}, {change.high:+.3f}]"
    meaning = (
        f"{asked}, against release {live}{_not_asked(unread)}: "
        f"{comparison.wins} better, {comparison.losses} worse, {comparison.ties} alike"
    )
    worst = [move.question for move in comparison.moves if move.by < 0]
    passed = change.below_zero_by <= settings.max_golden_drop
    return Gate(
        RETRIEVAL,
        passed,
        f"{measures.MAIN} {change.mean:+.3f}{interval}",
        limit,
        meaning + (f"; worse: {_few(worst)}" if worst else ""),
    )


def must_pass_gate(staged: Measured) -> Gate:
    """The verdict on the questions that must pass. One whose documents were deleted is named, not failed."""
    wanted = [one for one in staged.questions.questions if one.must_pass]
    failed = [one.id for one in wanted if one.id in staged.results and not staged.results[one.id].passed]
    failed += [one.id for one in wanted if staged.absent.get(one.id) == UNKNOWN]
    asked = [one for one in wanted if one.id in staged.results]
    observed = f"{len(failed)} of {len(wanted)} fail" + (f": {_few(failed)}" if failed else "")
    meaning = "their document, and their span where they name one, is among the first ten hits"
    mine = {one.id: why for one in wanted if (why := staged.absent.get(one.id))}
    return Gate(MUST_PASS, not failed, observed, "none", f"{len(asked)} asked{_not_asked(mine)}; {meaning}")


def _not_asked(absent: Mapping[str, str]) -> str:
    """Which questions were left out, and why.

    >>> _not_asked({"boots": "deleted", "pay": "unknown"})
    ' (not asked: 1 deleted: boots; 1 unknown: pay)'
    """
    by_reason = {why: [one for one, its in absent.items() if its == why] for why in dict.fromkeys(absent.values())}
    said = "; ".join(f"{len(ids)} {why}: {_few(ids)}" for why, ids in by_reason.items())
    return f" (not asked: {said})" if said else ""


def _few(ids: Collection[str]) -> str:
    more = f" and {len(ids) - NAMES_SHOWN} more" if len(ids) > NAMES_SHOWN else ""
    return ", ".join(list(ids)[:NAMES_SHOWN]) + more
