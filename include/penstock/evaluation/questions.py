"""Questions with the documents that answer them: what an index is measured by, whatever kind of file they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

from penstock.errors import UsageError
from penstock.filters import equalities
from penstock.ids import hash_of


@dataclass(frozen=True, slots=True)
class Question:
    """One question. ``answers`` are the documents that answer it, as its set names them, each with its grade from 1 on.

    Without any it is one that the index cannot answer: nothing can be retrieved for it. ``span`` is the sentence that
    the answer stands in, word for word. A question that ``must_pass`` fails where none of its documents, or not its
    span, is among the first hits. It is asked as ``principals``, under the filter ``where``, or
    where all values of that table are as it says.
    """

    id: str
    text: str
    answers: Mapping[str, int]
    span: str = ""
    must_pass: bool = False
    principals: tuple[str, ...] = ()
    where: Mapping[str, str] | str = field(default_factory=dict)

    @property
    def filter(self) -> str | None:
        return self.where or None if isinstance(self.where, str) else equalities(self.where)


@dataclass(frozen=True)
class QuestionSet:
    """Questions under one name.

    In a ``strict`` set a document that the index never listed is an error; in another its questions are named and left
    out. Texts of a ``private`` set are what people asked: they are neither kept with the results nor shown with them.
    Answers are named ``by_id`` of the document, or else by its key. ``remarks`` say how to read the figures.
    """

    name: str
    questions: tuple[Question, ...]
    strict: bool = False
    private: bool = False
    by_id: bool = False
    remarks: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Hash of the questions and of what answers them: figures of equal digests may be compared.

        Of a private set without the texts: hashes of common questions are guessed in no time.
        """
        told = [replace(one, text="") if self.private else one for one in self.questions]
        return hash_of(json.dumps([asdict(one) for one in told], sort_keys=True))


def read(path: Path, split: str = "test") -> QuestionSet:
    """Read a BEIR folder (its ``split``) or a file of golden questions.

    Raises ``UsageError`` naming the file, the line and what is wrong with it.
    """
    from penstock.evaluation import beir, golden

    if path.is_dir():
        return beir.read(path, split)
    if path.is_file():
        return golden.read(path)
    raise UsageError(f"{path}: no such file; name golden questions (JSON lines) or a BEIR folder")
