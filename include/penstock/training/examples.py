"""What a model is tuned on: one kind of example for each purpose, and how each is written as Parquet.

An example goes by the hash of its content, without its split, its group and who said it: the same question, texts and
grades give the same id in every set.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from penstock.ids import hash_of
from penstock.purposes import Purpose
from penstock.training.splits import Split

if TYPE_CHECKING:
    import pyarrow as pa


HEADING = "heading:"
"""How the ``question`` of an example begins that nobody asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What every example says of itself.

    ``question`` is the digest that interactions have of it, ``query`` its words. Examples of one ``group`` say nearly
    the same, or rest on one document or session: they are never in two splits, and whoever tests clusters by it.
    ``weight`` is above 0 and at most 1: 1 for what somebody said or named, less for what they only did. ``documents``
    are ids, the first is what the example is about; ``chunks`` are rows of the index that it holds texts of.
    ``source`` is the name of the first document's source, ``language`` a code such as "en" where the document
    declares one, else empty.
    """

    id: str
    question: str
    query: str
    group: str
    split: Split
    weight: float
    source: str
    language: str
    release: int
    interactions: tuple[str, ...]
    feedback: tuple[str, ...]
    documents: tuple[str, ...]
    chunks: tuple[str, ...]

    @property
    def asked(self) -> bool:
        """Whether somebody asked it: else it is a heading of the index (``headings``), and only trained on."""
        return not self.question.startswith(HEADING)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderExample(Example):
    """A question, a passage that answers it, and some that do not, the hardest first; texts as they are embedded.

    A question with several right documents has an example for each. ``relevant``: document → grade, 1 or 2, all of
    the question's, to judge a ranking by.
    """

    positive: str
    negatives: tuple[str, ...]
    relevant: Mapping[str, int]


class Graded(NamedTuple):
    """A passage as it is embedded, with how well it answers: 0 not at all, 1 as well as can be."""

    text: str
    grade: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerExample(Example):
    """A question with graded passages, the best first; at least one above 0 and one at 0."""

    passages: tuple[Graded, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorExample(Example):
    """What a chat model is sent, and what it should write; with ``rejected`` it is a pair of preference.

    ``messages`` are those that ``answers.openai`` sends, each with ``role`` and ``content``. ``answer`` is what
    ``answers.drafts`` reads: a JSON object a line. ``refusal``: the passages do not hold an answer, and it says so.
    """

    messages: tuple[Mapping[str, str], ...]
    answer: str
    rejected: str | None
    refusal: bool


AnyExample = EmbedderExample | RerankerExample | GeneratorExample
KINDS: Mapping[Purpose, type[AnyExample]] = {
    Purpose.EMBEDDER: EmbedderExample,
    Purpose.RERANKER: RerankerExample,
    Purpose.GENERATOR: GeneratorExample,
}
ABOUT = ("id", "group", "split", "release", "interactions", "feedback", "chunks")
"""What says where an example stands and came from, and not what it holds."""


def content_id(purpose: Purpose, example: Mapping[str, Any]) -> str:
    """32 hex digits of what an example holds."""
    held = {name: value for name, value in example.items() if name not in ABOUT}
    return hash_of("example", purpose, canonical(held))[:32]


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(purpose: Purpose, examples: Sequence[AnyExample]) -> str:
    """Hash of a set: of all that its examples say, in the order of their ids; 16 hex digits."""
    ordered = sorted(examples, key=lambda one: one.id)
    return hash_of("training set", purpose, *(canonical(asdict(one)) for one in ordered))[:16]


# Parquet


def to_table(purpose: Purpose, examples: Sequence[AnyExample]) -> pa.Table:
    """A column a field; what is nested is a list, of structs where it has names."""
    import pyarrow as pa

    return pa.Table.from_pylist([_row(one) for one in examples], _schema(purpose))


def from_table(purpose: Purpose, table: pa.Table) -> tuple[AnyExample, ...]:
    """Raises ``KeyError``, ``TypeError`` or ``ValueError`` where the table holds something else."""
    kind = KINDS[purpose]
    return tuple(kind(**_fields(row)) for row in table.to_pylist())


def _row(example: AnyExample) -> dict[str, Any]:
    row = {field.name: getattr(example, field.name) for field in fields(example)}
    if "relevant" in row:
        row["relevant"] = [{"document": document, "grade": grade} for document, grade in row["relevant"].items()]
    if "passages" in row:
        row["passages"] = [one._asdict() for one in row["passages"]]
    return row


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    made["split"] = Split(made["split"])
    if "relevant" in made:
        made["relevant"] = {one["document"]: one["grade"] for one in made["relevant"]}
    if "passages" in made:
        made["passages"] = tuple(Graded(**one) for one in made["passages"])
    return made


def _schema(purpose: Purpose) -> pa.Schema:
    import pyarrow as pa

    texts = pa.list_(pa.string())
    common = {
        **dict.fromkeys(("id", "question", "query", "group", "split"), pa.string()),
        "weight": pa.float64(),
        **dict.fromkeys(("source", "language"), pa.string()),
        "release": pa.int64(),
        **dict.fromkeys(("interactions", "feedback", "documents", "chunks"), texts),
    }
    own: Mapping[Purpose, dict[str, pa.DataType]] = {
        Purpose.EMBEDDER: {
            "positive": pa.string(),
            "negatives": texts,
            "relevant": pa.list_(pa.struct({"document": pa.string(), "grade": pa.int64()})),
        },
        Purpose.RERANKER: {"passages": pa.list_(pa.struct({"text": pa.string(), "grade": pa.float64()}))},
        Purpose.GENERATOR: {
            "messages": pa.list_(pa.struct({"role": pa.string(), "content": pa.string()})),
            "answer": pa.string(),
            "rejected": pa.string(),
            "refusal": pa.bool_(),
        },
    }
    return pa.schema({**common, **own[purpose]})
