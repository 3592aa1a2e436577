"""An evaluation from its questions to what is kept and shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from penstock import champions, manifest, whereabouts
from penstock.errors import NAMES_SHOWN, UsageError
from penstock.evaluation import asking, documents, keeping
from penstock.evaluation.asking import Side
from penstock.evaluation.comparing import Comparison, Move, compare
from penstock.evaluation.measuring import Measured, measure
from penstock.evaluation.questions import QuestionSet
from penstock.platform import Platform
from penstock.progress import Progress
from penstock.wording import count

MOVES_SHOWN = 10
RANKS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What was measured and kept under ``number``, beside what it was compared with."""

    index: str
    number: int
    ours: Measured
    theirs: Measured | None
    comparison: Comparison | None
    names: Mapping[str, str]
    """Id → key of the documents that ``to_dict`` shows."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: figures with their intervals; of a comparison what moved most, with both rankings."""
        side, set_ = self.ours.side, self.ours.questions
        return {
            "evaluation": self.number,
            "index": self.index,
            "release": side.release,
            "settings": side.settings.model_dump(mode="json"),
            "questions": {"set": set_.name, "digest": set_.digest, "asked": len(self.ours.results)},
            "remarks": list(set_.remarks),
            "absent": dict(self.ours.absent),
            "figures": {name: figure.to_dict() for name, figure in self.ours.figures.items()},
            "seconds": self.ours.seconds,
            "against": self._against(),
        }

    def _against(self) -> dict[str, Any] | None:
        if self.theirs is None or self.comparison is None:
            return None
        found, side = self.comparison, self.theirs.side
        return {
            "release": side.release,
            "settings": side.settings.model_dump(mode="json"),
            "figures": {name: figure.to_dict() for name, figure in self.theirs.figures.items()},
            "change": {name: figure.to_dict() for name, figure in found.change.items()},
            "wins": found.wins,
            "losses": found.losses,
            "ties": found.ties,
            "unpaired": list(found.unpaired),
            "absent": dict(self.theirs.absent),
            "moved_most": [self._move(move) for move in found.moves[:MOVES_SHOWN]],
        }

    def _move(self, move: Move) -> dict[str, Any]:
        assert self.theirs is not None
        set_ = self.ours.questions
        text = next(None if set_.private else one.text for one in set_.questions if one.id == move.question)
        mine, its = (side.results[move.question] for side in (self.ours, self.theirs))
        return {
            "question": move.question,
            "text": text,
            "before": move.before,
            "after": move.after,
            "answers": [self.names[id_] for id_ in mine.relevant],
            "ranked_before": [self.names[id_] for id_ in its.documents[:RANKS_SHOWN]],
            "ranked_after": [self.names[id_] for id_ in mine.documents[:RANKS_SHOWN]],
        }


def evaluate(
    platform: Platform,
    index: str,
    questions: QuestionSet,
    ours: Side,
    theirs: Side | None = None,
    progress: Progress | None = None,
) -> Evaluated:
    """Ask ``ours`` the questions, and ``theirs`` where there is one; keep the figures and what each question found."""
    progress = progress or Progress()
    progress.stage("ask", len(questions.questions) * (2 if theirs else 1))
    # what people asked was asked of other releases too: a field of theirs is nobody's mistake
    mine = measure(platform, index, ours, questions, progress, lenient=questions.private)
    its = measure(platform, index, theirs, questions, progress, lenient=True) if theirs else None
    if not mine.results:
        why = ", ".join(sorted(set(mine.absent.values())))
        raise UsageError(
            f"none of {count(len(mine.absent), 'question')} of {questions.name} can be asked of {index!r}: {why}"
            + _never_listed(mine)
            + ("; --answers says whether they are refused" if why == documents.UNANSWERABLE else "")
        )
    comparison = compare(mine, its) if its else None
    before = keeping.keep(platform, index, its) if its else None
    number = keeping.keep(platform, index, mine, comparison=comparison, against=before)
    shown = [
        side.results[move.question]
        for side in (mine, its)
        if side and comparison
        for move in comparison.moves[:MOVES_SHOWN]
    ]
    ids = {id_ for result in shown for id_ in (*result.documents[:RANKS_SHOWN], *result.relevant)}
    return Evaluated(index, number, mine, its, comparison, documents.names(platform, ids))


def _never_listed(measured: Measured) -> str:
    """Which documents no source ever listed, and how they are named; blank where that is not what is wrong."""
    unknown = [one for one in measured.questions.questions if measured.absent.get(one.id) == documents.UNKNOWN]
    names = sorted({name for one in unknown for name in one.answers})
    if not names:
        return ""
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    shown = ", ".join(map(repr, names[:NAMES_SHOWN]))
    return f"; no source of it ever listed {shown}{more}: write keys as `penstock search` shows them"


def sides(
    platform: Platform, index: str, as_of: int | None = None, changes: str = "", against: str | None = None
) -> tuple[Side, Side | None]:
    """The live release or ``as_of``, under the index's settings with ``changes``; and what that is compared with.

    ``changes`` are as in ``"mode=text,vector_weight=0.3"``. ``against`` names a release, settings, or both (``"7"``,
    ``"mode=text"``, ``"7,mode=text"``): a release that it does not name is our own, settings are as configured.
    Raises ``UsageError``.
    """
    whereabouts.require_here(platform)
    configured = champions.retrieval(platform, index)
    ours = Side(_release(platform, index, as_of), asking.changed(configured, assignments(changes.split(","), "--with")))
    if against is None:
        return ours, None
    theirs = Side(ours.release, configured)
    parts = against.split(",")
    if parts[0].strip().isdigit():
        theirs = replace(theirs, release=_release(platform, index, int(parts.pop(0))))
    theirs = replace(theirs, settings=asking.changed(configured, assignments(parts, "--against")))
    if theirs == ours:
        raise UsageError(f"--against {against}: that is the same release under the same settings; name another")
    return ours, theirs


def _release(platform: Platform, index: str, as_of: int | None) -> int:
    with platform.catalog.read() as connection:
        return int(manifest.readable(connection, index, as_of).number)


def assignments(parts: list[str], option: str) -> dict[str, str]:
    """``["a=1", " b = 2", ""]`` → ``{"a": "1", "b": "2"}``. Raises ``UsageError`` naming the option."""
    found: dict[str, str] = {}
    for part in filter(str.strip, parts):
        name, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"{option} {part!r} will not do; write KEY=VALUE, as in mode=text,vector_weight=0.3")
        found[name.strip()] = value.strip()
    return found


def as_readers(questions: QuestionSet, principals: tuple[str, ...]) -> QuestionSet:
    """The same questions, those that say nothing of who asks asked as ``principals``."""
    asked = (one if one.principals else replace(one, principals=principals) for one in questions.questions)
    return replace(questions, questions=tuple(asked))


def questions_of(platform: Platform, index: str, path: Path | None, split: str) -> QuestionSet:
    """The questions in ``path``, or the golden ones of the index's gates. Raises ``UsageError`` without either."""
    from penstock.evaluation.questions import read

    configured = platform.settings.index(index).gates.golden
    if path is None and configured is None:
        raise UsageError(
            f"name a file of golden questions or a BEIR folder, or set indexes.{index}.gates.golden in "
            f"{platform.settings.file}"
        )
    return read(path or configured, split)  # type: ignore[arg-type]
