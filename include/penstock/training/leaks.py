"""Whether an example would teach a model the questions that it is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from penstock.training.groups import alike
from penstock.words import words


@dataclass(frozen=True, slots=True)
class Leak:
    """An example whose question equals, or nearly equals, one of an evaluation set."""

    example: str
    question: str
    equal: bool


def leaks(examples: Mapping[str, str], questions: Mapping[str, str]) -> list[Leak]:
    """Compare the questions of examples with those of an evaluation, both by their ids; case and marks aside."""
    said = {name: words(text) for name, text in {**examples, **questions}.items()}
    pairs = sorted(alike(dict(examples), dict(questions)))
    return [Leak(example, question, said[example] == said[question]) for example, question in pairs]
