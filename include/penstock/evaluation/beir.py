"""Question sets in BEIR's layout: ``queries.jsonl`` and ``qrels/SPLIT.tsv`` in one folder.

Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval Models", 2021. The
folder's ``corpus.jsonl`` is not read: a corpus id names a document of the index by its key, with or without its suffix.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from penstock.errors import UnknownNameError, UsageError
from penstock.evaluation.lines import lines, parsed
from penstock.evaluation.questions import Question, QuestionSet
from penstock.wording import count
from penstock.words import is_blank

COLUMNS = ["query-id", "corpus-id", "score"]
SCORE = re.compile(r"\s*-?[0-9]{1,4}\s*")
"""trec_eval keeps a place in memory for every grade up to the highest."""


def read(folder: Path, split: str) -> QuestionSet:
    """The questions that ``split`` judges, in the order of its file. Raises ``UsageError`` naming file and line."""
    judged = _judgements(folder, split)
    texts = _texts(folder / "queries.jsonl")
    if unknown := [id_ for id_ in judged if id_ not in texts]:
        shown = ", ".join(unknown[:5])
        judges = f"{folder / 'qrels' / split}.tsv judges {count(len(unknown), 'question')}"
        raise UsageError(f"{judges} that queries.jsonl does not hold: {shown}")
    questions = tuple(Question(id_, texts[id_], grades) for id_, grades in judged.items())
    return QuestionSet(f"{folder.resolve().name}/{split}", questions, strict=True)


def _judgements(folder: Path, split: str) -> Mapping[str, dict[str, int]]:
    """Question → document → grade. What is judged as no answer is left out, and so are questions without any."""
    path = folder / "qrels" / f"{split}.tsv"
    if not path.parent.is_dir():
        raise UsageError(f"{folder} is no BEIR folder; it holds no qrels/{split}.tsv beside a queries.jsonl")
    if not path.is_file():
        raise UnknownNameError(f"split of {folder}:", split, [one.stem for one in path.parent.glob("*.tsv")])
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for place, text in lines(path):
        cells = text.split("\t")
        if cells == COLUMNS:
            continue
        if len(cells) != 3 or not SCORE.fullmatch(cells[2]):
            raise UsageError(
                f"{place}: {text!r} will not do; write query-id, corpus-id and a whole score up to 9999, by tabs"
            )
        if int(cells[2]) > 0:
            found[cells[0]][cells[1]] = int(cells[2])
    if not found:
        raise UsageError(f"{path} judges no document as an answer")
    return found


def _texts(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, text in lines(path):
        row = parsed(place, text)
        try:
            id_, question = str(row["_id"]), str(row["text"])
        except (KeyError, TypeError) as error:
            raise UsageError(f"{place}: a question is a JSON object with _id and text ({error!r})") from None
        if is_blank(question):
            raise UsageError(f"{place}: the question is blank")
        found[id_] = question
    return found
