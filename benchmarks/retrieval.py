"""How well the defaults answer: full text, vectors and both on the test questions of four sets.

    python -m benchmarks.retrieval --home FOLDER [--model FOLDER]

SciFact (5,183 abstracts) and FeedbackQA's three sources (questions of the public about COVID-19, answered by passages
of CDC, the British government and the WHO). Each corpus is ingested as Markdown files by the default configuration into
an index of its own, which is asked its test split as `penstock evaluate` asks. Nothing was chosen on a test split.
``--model`` names an embedder to ask FeedbackQA's with instead, as one that ``tuning`` made.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench, Page, measured, row
from benchmarks.replay import data_folder

DATA = "feedbackqa"
SETS = {
    "scifact": ("SciFact", "ir/scifact"),
    "cdc": ("FeedbackQA, CDC", "feedbackqa/CDC"),
    "uk": ("FeedbackQA, UK", "feedbackqa/UK"),
    "who": ("FeedbackQA, WHO", "feedbackqa/WHO"),
}
MODES = ("text", "vector", "hybrid")
SHOWN = ("nDCG@10", "R@1", "R@5")


def write(home: Path, names: list[str], model: Path | None = None, reranker: Path | None = None) -> None:
    """The corpora as folders of Markdown, and a configuration with an index on each, with the models that are named."""
    lines = []
    for name in names:
        folder = home / "documents" / name
        folder.mkdir(parents=True)
        with (data_folder() / SETS[name][1] / "corpus.jsonl").open(encoding="utf-8") as corpus:
            for one in map(json.loads, corpus):
                (folder / f"{one['_id']}.md").write_text(f"# {one['title'].strip()}\n\n{one['text']}\n", "utf-8")
        lines += [f"[sources.{name}]", 'type = "folder"', f'path = "documents/{name}"', 'when_silent = ["public"]']
        lines += [f"[indexes.{name}]", f'sources = ["{name}"]']
        lines += [f"[indexes.{name}.embedder]", f'model = "{model}"'] if model else []
        table = f"[indexes.{name}.retrieval.rerank]"
        lines += [table, 'backend = "local"', f'model = "{reranker}"'] if reranker else []
    (home / "penstock.toml").write_text("\n".join([f'home = "{home / "home"}"', *lines]))


def measure(home: Path, every: int, model: Path | None = None) -> dict[str, Any]:
    """By set: questions, documents, figures by mode, and by measure what hybrid gains over the better of its parts."""
    from penstock.platform import Platform
    from penstock.settings import load
    from penstock.sync import sync

    names = [name for name in SETS if model is None or name != "scifact"] if every == 1 else ["who"]
    write(home, names, model)
    platform = Platform(load(home / "penstock.toml"))
    found = {}
    for name in names:
        report = sync(platform, name)
        assert report.state == "published", report.message
        found[name] = {"documents": report.counts["listed"], **asked(platform, name, every)}
    platform.close()
    return found


def asked(platform: Any, name: str, every: int = 1) -> dict[str, Any]:
    from penstock import evaluation
    from penstock.evaluation.comparing import compare
    from penstock.evaluation.measuring import measure as ask

    questions = evaluation.read(data_folder() / SETS[name][1], "test")
    questions = replace(questions, questions=questions.questions[::every])
    sides = {
        mode: ask(platform, name, evaluation.sides(platform, name, None, f"mode={mode}")[0], questions)
        for mode in MODES
    }
    gains = {}
    for measure in SHOWN:
        better = max(("text", "vector"), key=lambda mode: sides[mode].figures[measure].mean)
        gains[measure] = {"over": better, **compare(sides["hybrid"], sides[better]).change[measure].to_dict()}
    figures = {mode: {one: side.figures[one].to_dict() for one in SHOWN} for mode, side in sides.items()}
    return {"questions": len(questions.questions), "figures": figures, "gains": gains}


def part(bench: Bench) -> Page:
    home = bench.work / "retrieval"
    home.mkdir()
    options = ["--home", str(home), "--every", str(bench.every)]
    found = measured("retrieval", [sys.executable, "-m", "benchmarks.retrieval", *options])
    yield from ("", "## What the defaults find", "")
    yield (
        "Test splits; documents by their best chunk; means over the questions with 95 % intervals (BCa bootstrap), in "
        "the last row of a set those of the differences of each question. The defaults were chosen on training splits."
    )
    yield from ("", row("", "", *SHOWN), "|---|---|---|---|---|")
    for name, one in found.items():
        if name not in SETS:
            continue
        said = f"{SETS[name][0]}: {one['documents']:,} documents, {one['questions']:,} questions"
        for mode in MODES:
            yield row(said if mode == "text" else "", mode, *(cell(one["figures"][mode][each]) for each in SHOWN))
        gains = (f"{cell(gain, '+')} over {gain['over']}" for gain in (one["gains"][each] for each in SHOWN))
        yield row("", "hybrid less the better part", *gains)


def cell(figure: dict[str, Any], sign: str = "") -> str:
    mean, low, high = (f"{figure[name]:{sign}.3f}" for name in ("mean", "low", "high"))
    return f"**{mean}** [{low}, {high}]"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="every n-th question of the smallest set only")
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.home, arguments.every, arguments.model)))
