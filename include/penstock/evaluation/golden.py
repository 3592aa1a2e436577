"""Golden questions: JSON lines that a person wrote about the documents of an index.

    {"id": "boots", "question": "Who pays for safety boots?", "keys": ["first-week.md"], "span": "… up to £95 a pair"}

``id``, ``question`` and ``keys`` must be there; ``answer``, ``span``, ``must_pass``, ``principals`` and ``where`` may.
``keys`` name documents of any source of the index, with or without their suffix; where it is empty, nothing answers.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from penstock.errors import UsageError, did_you_mean
from penstock.evaluation.lines import lines, parsed
from penstock.evaluation.questions import Question, QuestionSet
from penstock.records import NOBODY
from penstock.source_settings import Section
from penstock.words import is_blank


class Line(Section):
    id: str = Field(min_length=1)
    question: str
    keys: list[str]
    answer: str = ""
    span: str = ""
    must_pass: bool = False
    principals: list[str] = Field(default=[])
    where: dict[str, str] | str = Field(default={})


def read(path: Path) -> QuestionSet:
    """Read every line, or raise ``UsageError`` naming the first that will not do."""
    places: dict[str, str] = {}
    found: list[Question] = []
    for place, text in lines(path):
        one = _question(text, place)
        if one.id in places:
            raise UsageError(f"{place}: id {one.id!r} stands in {places[one.id]} too; give each question its own")
        places[one.id] = place
        found.append(one)
    if not found:
        raise UsageError(f"{path} holds no question; write one a line, as JSON with id, question and keys")
    return QuestionSet(path.stem, tuple(found))


def _question(text: str, place: str) -> Question:
    try:
        line = Line.model_validate(parsed(place, text))
    except ValidationError as error:
        raise UsageError(f"{place}: {_said(error)}") from None
    if is_blank(line.question):
        raise UsageError(f"{place}: the question is blank; write what people would ask")
    if line.must_pass and not line.keys:
        raise UsageError(f"{place}: must_pass needs keys: name the documents that answer it")
    if NOBODY in line.principals:
        raise UsageError(f"{place}: {NOBODY!r} is not a reader: it marks what no one may see; leave it out")
    if "\0" in line.id:
        raise UsageError(f"{place}: id {line.id!r} holds U+0000, where measures take a name to end; leave it out")
    if named := next((key for key in line.keys if key in line.id), None):
        raise UsageError(
            f"{place}: id {line.id!r} holds the name of document {named!r}, and ids are kept when a document is "
            "erased; choose another"
        )
    return Question(
        id=line.id,
        text=line.question,
        answers=dict.fromkeys(line.keys, 1),
        span=line.span,
        must_pass=line.must_pass,
        principals=tuple(line.principals),
        where=line.where,
    )


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        return f"unknown key {key!r}{did_you_mean(key, Line.model_fields)}"
    if first["type"] == "missing":
        hint = "; name the documents that answer it, or write [] where none does" if key == "keys" else ""
        return f"{key!r} is missing{hint}"
    if not key:
        return f"a question is a JSON object with id, question and keys, not {first['input']!r}"
    return f"{key}: {first['input']!r} will not do: {first['msg']}"
