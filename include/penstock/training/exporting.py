"""Training sets for other tools: chat JSON lines, as OpenAI, Axolotl and TRL read them, and Hugging Face datasets.

Chat is for a generator. A line is ``{"messages": [...]}``, the answer the last of them; a pair of preference is
``{"prompt": [...], "chosen": [...], "rejected": [...]}`` in a file of its own beside it. A Hugging Face folder has a
split for each of ours, all columns of the examples, and for an embedder those of sentence-transformers among them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from penstock.errors import UnknownNameError, UsageError
from penstock.training.examples import GeneratorExample, to_table
from penstock.training.sets import TrainingSet
from penstock.training.splits import Split

CHAT, HF = "chat", "hf"
PREFERENCES = ".preferences"
HF_SPLITS = {Split.TRAIN: "train", Split.VALIDATION: "validation", Split.TEST: "test"}


def export(found: TrainingSet, form: str, out: Path) -> dict[str, Any]:
    """Write a set, and say what was written; ``out`` is a new file for chat and a new folder for hf.

    Of chat the examples to train on only: the test split is for comparing. Raises ``UsageError`` where it cannot be
    written, or the form does not fit.
    """
    if form not in (CHAT, HF):
        raise UnknownNameError("--format", form, [CHAT, HF])
    if not found.examples:
        raise UsageError(f"training set {found.id} is empty: all of it was erased")
    try:
        return _chat(found, out) if form == CHAT else _dataset(found, out)
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror or error}; name a place that can") from None


def _chat(found: TrainingSet, out: Path) -> dict[str, Any]:
    written = [one for one in found.of(Split.TRAIN) if isinstance(one, GeneratorExample)]
    if any(not isinstance(one, GeneratorExample) for one in found.examples):
        raise UsageError(f"training set {found.id} is for the {found.purpose}, which does not chat; write --format hf")
    pairs = [one for one in written if one.rejected is not None]
    beside = out.with_name(f"{out.stem}{PREFERENCES}{out.suffix}")
    for path in (out, beside):
        if path.is_file():  # pairs of another set would be taken for those of this one
            raise UsageError(f"{path} is there already; name a new file")
    files = {"messages": _lines(out, map(chat_line, written))}
    if pairs:
        files["preferences"] = _lines(beside, (line for one in pairs for line in preference_line(one)))
    return {"set": found.id, "split": str(Split.TRAIN), "files": files}


def chat_line(one: GeneratorExample) -> dict[str, Any]:
    """What supervised tuning reads: the prompt with the answer as its last message."""
    return {"messages": [*map(dict, one.messages), {"role": "assistant", "content": one.answer}]}


def preference_line(one: GeneratorExample) -> Iterator[dict[str, Any]]:
    """What preference tuning reads; nothing where there is no pair."""
    if one.rejected is not None:
        yield {
            "prompt": list(map(dict, one.messages)),
            "chosen": [{"role": "assistant", "content": one.answer}],
            "rejected": [{"role": "assistant", "content": one.rejected}],
        }


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return {"file": str(path), "lines": len(lines)}


def _dataset(found: TrainingSet, out: Path) -> dict[str, Any]:
    """Parquet files under ``data/``, named as ``datasets.load_dataset`` finds splits, with a card that it reads."""
    import pyarrow.parquet as pq

    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty; name a new folder")
    (out / "data").mkdir(parents=True, exist_ok=True)
    counts = {}
    for split, name in HF_SPLITS.items():
        examples = found.of(split)
        counts[name] = len(examples)
        if examples:
            pq.write_table(to_table(found.purpose, examples), out / "data" / f"{name}-00000-of-00001.parquet")
    (out / "README.md").write_text(_card(found), encoding="utf-8")
    return {"set": found.id, "folder": str(out), "examples": counts}


def _card(found: TrainingSet) -> str:
    card = json.dumps(dict(found.card), indent=2, ensure_ascii=False)
    return (
        f"# Training set {found.id}\n\nTo tune the {found.purpose} of index {found.index!r}, of release "
        f"{found.release}. What is erased later is still here: delete these files with it.\n\n```json\n{card}\n```\n"
    )
