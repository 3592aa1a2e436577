"""What goes over HTTP. Requests are checked strictly; responses are made of what the pipeline returns, as it is."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticSerializationError

from penstock.answers import Answer, Claim, Quote
from penstock.answers.results import NO_SOURCE
from penstock.feedback import Kind, Said
from penstock.retrieval import Citation, Found, Passage
from penstock.retrieval.trace import Stage

MAX_QUESTION_CHARS = 4_000
MAX_FILTER_CHARS = 4_000
MAX_HITS = 100
BROKEN_OFF = "the model that words the answer did not come to its end"
LEFT_OUT = "left out: it did not answer, or not as it should"
"""To a reader; what a model's API said is for the log."""
LARGEST = 2**31 - 1
"""What every catalog takes as a whole number."""


class Asked(BaseModel):
    """Strict: a number in quotes is no number, and an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Name = Annotated[str, Field(min_length=1, max_length=200)]
Where = Annotated[str, Field(max_length=MAX_FILTER_CHARS)]
Release = Annotated[int, Field(ge=1, le=LARGEST)]
Principals = Annotated[list[Name], Field(max_length=100)]
Session = Annotated[
    Name | None, Field(description="a name of your own for what belongs together; kept as a digest, and erased by it")
]
Person = Annotated[
    Name | None, Field(description="who asks, of those that a key speaks for; a token says it itself. Kept as a digest")
]


class Question(Asked):
    """What every question may say besides its words."""

    where: Where | None = Field(
        default=None,
        description="a condition on metadata, such as `year >= 2024 and tags in ('a', 'b')`, of the fields that "
        "GET /v1/indexes names",
    )
    as_of: Release | None = Field(default=None, description="a kept release; the live one where it is left out")
    principals: Principals | None = Field(
        default=None, description="narrows to some of what the credential gives; all of it where it is left out"
    )
    session: Session = None
    person: Person = None


class SearchRequest(Question):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"query": "What is a week of river watch paid?", "k": 3}]}
    )

    query: str = Field(max_length=MAX_QUESTION_CHARS, description="the question, in words")
    k: int = Field(default=10, ge=1, le=MAX_HITS, description="how many hits")
    mode: Literal["hybrid", "vector", "text"] | None = Field(default=None, description="the index's own by default")
    explain: bool = Field(default=False, description="whether to say what each stage did, and how long it took")


class AnswerRequest(Question):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"question": "How many days of holiday do I get?", "stream": False}]}
    )

    question: str = Field(max_length=MAX_QUESTION_CHARS, description="in words")
    stream: bool = Field(default=False, description="server-sent events: reading, claim, ended or problem")


Place = Annotated[int, Field(ge=0, le=LARGEST)]


class Span(Asked):
    """Its words, or where they begin and end."""

    text: str | None = Field(default=None, min_length=1, max_length=10_000, description="word for word")
    start: Place | None = Field(default=None, description="in characters of the shown revision's parsed text")
    end: Place | None = Field(default=None, description="likewise, the first that is no part of it")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        by_text, by_place = self.text is not None, self.start is not None and self.end is not None
        if by_text == by_place or (by_text and (self.start, self.end) != (None, None)):
            raise ValueError("a span has its text, or its start and its end")
        return self

    def said(self) -> str | tuple[int, int]:
        return (self.start, self.end) if self.start is not None and self.end is not None else str(self.text)


class FeedbackRequest(Asked):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"interaction": "0f343b0931126a20f133d67c2b018a3b", "kind": "rating", "value": 1.0},
                {
                    "interaction": "0f343b0931126a20f133d67c2b018a3b",
                    "kind": "correction",
                    "text": "It is £240 since 1 May 2026.",
                },
                {
                    "interaction": "0f343b0931126a20f133d67c2b018a3b",
                    "kind": "right-passage",
                    "passage": "9f1c2f0f6f0f4f63a7a4f6f7b8a1c2d3",
                    "span": {"start": 305, "end": 368},
                },
            ]
        }
    )

    interaction: Name = Field(description="as the search or the answer named it")
    kind: Annotated[Kind, Field(strict=False)] = Field(
        description="a rating takes `value`; a comment and a correction `text`; a right-passage `passage`, and perhaps "
        "`span`; the others nothing more"
    )
    value: float | None = Field(default=None, ge=-1, le=1, description="of a rating: -1 the worst, 1 the best")
    text: str | None = Field(default=None, description="of a comment, or the corrected answer")
    passage: str | None = Field(
        default=None,
        description="what this is about: a chunk's id, or a document as KEY, SOURCE:KEY or `document_id`; the whole "
        "answer where it is left out",
    )
    span: Span | None = Field(default=None, description="of a right passage: where in its document")
    session: Session = None
    person: Person = None

    def said(self) -> Said:
        return Said(self.kind, self.value, self.text, self.passage, self.span.said() if self.span else None)


class Sent(BaseModel):
    """A response. It is made of what is right already, so it is serialised and never validated."""

    def json_bytes(self) -> bytes:
        """UTF-8; half a character, as a file's name may hold one, is written as its JSON escape."""
        try:
            return self.__pydantic_serializer__.to_json(self, exclude_unset=True)
        except PydanticSerializationError:
            return json.dumps(self.model_dump(exclude_unset=True), default=str).encode()


class SearchResponse(Sent):
    interaction: str | None = Field(description="what feedback names; null where it could not be recorded")
    index: str
    release: int
    query: str
    hits: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    stages: tuple[Stage, ...] = Field(default=(), description="with `explain` only")

    @classmethod
    def of(cls, found: Found, interaction: str | None, explain: bool) -> Self:
        said: dict[str, Any] = {
            name: getattr(found, name) for name in ("index", "release", "query", "hits", "passages")
        }
        if explain:
            said["stages"] = _for_readers(found.stages)
        return cls.model_construct(interaction=interaction, **said)


class AnswerResponse(Sent):
    interaction: str | None = Field(description="what feedback names; null where it could not be recorded")
    index: str
    release: int
    question: str
    text: str = Field(description=f"the claims one after the other, `{NO_SOURCE}` behind each that is unsupported")
    claims: tuple[Claim, ...]
    quotes: tuple[Quote, ...]
    passages: tuple[Passage, ...]
    generator: str | None = Field(description="what was asked to answer; null where the question was refused before")
    refused: bool
    where: str | None = Field(description="the filter that it was asked under")
    reason: str | None = Field(description="why there is no answer")
    confidence: float = Field(description="the chance that the index holds the answer")
    needed: float = Field(description="what is asked of it")
    dropped: dict[str, int] = Field(
        description="quotes that were left out, by reason, and sentences that were part of no claim"
    )
    broken_off: str | None = Field(description="what went wrong after the claims that there are")
    stages: tuple[Stage, ...]

    @classmethod
    def of(cls, answer: Answer, interaction: str | None) -> Self:
        said: dict[str, Any] = {
            "interaction": interaction,
            "refused": answer.refused is not None,
            "reason": answer.refused,
            "broken_off": BROKEN_OFF if answer.broken_off else None,
            "stages": _for_readers(answer.stages),
        }
        return cls.model_construct(**said, **{name: getattr(answer, name) for name in cls.model_fields.keys() - said})


def _for_readers(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """The same, without why one was left out: what an API said is for the log."""
    return tuple(replace(one, note=LEFT_OUT) if one.left_out else one for one in stages)


class ReadingEvent(Sent):
    """The data of `reading`, the first event of a stream."""

    interaction: None = Field(default=None, description="always null: it has an id when the answer has `ended`")
    release: int
    passages: tuple[Passage, ...] = Field(description="what the answer is made from")


class ClaimEvent(Sent):
    """The data of `claim`, an event of a stream."""

    claim: Claim
    quotes: tuple[Quote, ...] = Field(description="those that the claim rests on")


class Given(Sent):
    id: str = Field(description="of what was said")


class IndexView(BaseModel):
    name: str
    release: int | None = Field(description="the live one; null: nothing was published yet")
    published_at: float | None = Field(description="seconds since 1970")
    documents: int
    chunks: int
    fields: dict[str, str] = Field(description="what `where` may name, and its type")


class Indexes(Sent):
    indexes: list[IndexView]


class ReleaseView(BaseModel):
    number: int
    state: str
    live: bool
    created_at: float = Field(description="seconds since 1970")
    published_at: float | None = Field(description="seconds since 1970; null: readers never got it")
    documents: int
    quarantined: int
    chunks: int
    changes: dict[str, Any]
    failed_gates: list[str]
