"""The frozen test split of a training set as questions to an index, each with its group and its slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from penstock.evaluation.questions import Question, QuestionSet
from penstock.platform import Platform
from penstock.promotion.gains import Gain, gain
from penstock.purposes import Purpose
from penstock.training import sets
from penstock.training.examples import AnyExample, EmbedderExample, Example, RerankerExample
from penstock.training.splits import Split

SLICE_ALPHA = 0.025
SHORT, LONG = 6, 12
"""Words of a question up to which it is short, and from which on it is long."""


@dataclass(frozen=True)
class TestSet:
    """``groups``: question → what it is clustered by; ``slices``: question → name of a slice → value."""

    id: str
    questions: QuestionSet
    examples: Sequence[AnyExample]
    groups: Mapping[str, str]
    slices: Mapping[str, Mapping[str, str]]

    def __len__(self) -> int:
        return len(self.groups)


def test_set(platform: Platform, index: str, purpose: Purpose) -> TestSet:
    """The test split of the newest training set. Raises ``UsageError`` where there is none, and what reading it raises.

    A question that has several examples is one question: its answers are all of theirs.
    """
    found = sets.latest(platform, index, purpose)
    examples = found.of(Split.TEST)
    audience = tuple(platform.settings.index(index).training.audience)
    asked: dict[str, AnyExample] = {}
    answers: dict[str, dict[str, int]] = {}
    for one in examples:
        id_ = one.id if purpose is Purpose.GENERATOR else one.question
        asked.setdefault(id_, one)
        for document, grade in _relevant(one).items():
            mine = answers.setdefault(id_, {})
            mine[document] = max(grade, mine.get(document, 0))
    questions = tuple(Question(id_, one.query, answers.get(id_, {}), principals=audience) for id_, one in asked.items())
    sizes = Counter(one.group for one in asked.values())
    return TestSet(
        found.id,
        QuestionSet(f"test split of {found.id}", questions, private=True, by_id=True),
        tuple(asked.values()),
        {id_: one.group for id_, one in asked.items()},
        {id_: _slices(one, sizes[one.group]) for id_, one in asked.items()},
    )


def _relevant(example: Example) -> Mapping[str, int]:
    if isinstance(example, EmbedderExample):
        return example.relevant
    if isinstance(example, RerankerExample):
        right = sum(one.grade > 0 for one in example.passages)  # their documents come first
        return dict.fromkeys(example.documents[:right], 1)
    return {}


def _slices(example: Example, group_size: int) -> dict[str, str]:
    words = len(example.query.split())
    length = "short" if words <= SHORT else "long" if words >= LONG else "middling"
    found = {"source": example.source, "length": length, "group": _size(group_size)}
    return found | ({"language": example.language} if example.language else {})


def _size(members: int) -> str:
    return "alone" if members == 1 else "2 to 4" if members < 5 else "5 or more"


def by_slice(differences: Mapping[str, float], test: TestSet) -> dict[str, Gain]:
    """``"source=docs"`` → the gain on it, of every slice with two groups or more. For people: it decides nothing."""
    members: dict[str, list[str]] = {}
    for id_ in differences:
        for name, value in test.slices[id_].items():
            members.setdefault(f"{name}={value}", []).append(id_)
    return {
        name: gain([differences[id_] for id_ in ids], [test.groups[id_] for id_ in ids], SLICE_ALPHA)
        for name, ids in sorted(members.items())
        if _groups(ids, test) > 1
    }


def _groups(ids: Iterable[str], test: TestSet) -> int:
    return len({test.groups[id_] for id_ in ids})
