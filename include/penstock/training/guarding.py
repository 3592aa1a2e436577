"""Questions that a model is judged by and must not be taught: golden ones, the gate's guards, and named folders'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import RefusedError
from penstock.evaluation import beir, questions
from penstock.platform import Platform
from penstock.training.leaks import Leak, leaks

NAMED = 10
"""Offenders that a refusal names."""


@dataclass(frozen=True, slots=True)
class Guards:
    """``texts``: the name of each question, with that of its set, and its words."""

    texts: Mapping[str, str]
    sets: tuple[str, ...]


def read(platform: Platform, index: str, named: Sequence[Path]) -> Guards:
    """The golden questions of the index, where it has any, its gate's guards, and each file or folder that is named.

    Of a named BEIR folder its test split. Raises ``UsageError`` naming what cannot be read.
    """
    settings = platform.settings.index(index)
    golden = settings.gates.golden
    all_ = [questions.read(path) for path in ([Path(golden)] if golden else []) + list(named)]
    all_ += [beir.read(guard.path, guard.split) for guard in settings.training.gate.guards.values()]
    texts: dict[str, str] = {}
    sets = []
    for found in all_:
        sets.append(found.name)
        texts |= {f"{found.name}: {one.id}": one.text for one in found.questions}
    return Guards(texts, tuple(sets))


def leaking(examples: Mapping[str, str], guards: Guards) -> list[Leak]:
    """Which of the questions, by name, equal or nearly equal one of the guards'."""
    return leaks(examples, guards.texts) if guards.texts and examples else []


def refusal(found: Sequence[Leak], guards: Guards, asked_in: Mapping[str, str]) -> RefusedError:
    """What is said where a set would leak. ``asked_in``: question → an interaction that asked it."""
    offenders = {one.example for one in found}
    lines = [
        f"  interaction {asked_in[one.example]} {'asks' if one.equal else 'nearly asks'} {one.question}: "
        f"{guards.texts[one.question]!r}"
        for one in found[:NAMED]
    ]
    more = f"\n  and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return RefusedError(
        f"models are judged by {len(offenders):,} of the questions to train on; leave them out with "
        "--drop-leaks, or take them out of the evaluation:\n" + "\n".join(lines) + more
    )
