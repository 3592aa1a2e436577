"""The whole default pipeline with both of its models tuned, beside the same with neither.

    python -m benchmarks.whole --home FOLDER --embedder MODEL

FOLDER is that of ``tuning``, MODEL the embedder that ``tuning --data questions`` trained there (its "model"). The
reranker learns from the same questions, some of them: no cross-encoder comes with the project, so it is the default
embedder's transformer with a new head, tuned by the built-in recipe for one epoch. What is not to be ranked first are
passages of the same site that the untuned embedder finds and that are less like the question than the right one, as
``trainset build`` mines them.

Each site's test questions are asked as `penstock evaluate` asks: untuned, with the tuned embedder, and with both.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import learned, retrieval, tuning
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.replay import data_folder

QUESTIONS = {"train": 1500, "validation": 200}
"""Of each split, spread over all: a reranker reads every passage with every question."""
PASSAGES = 4
RECIPE = f"""
[recipes.reranker]
purpose = "reranker"
epochs = 1
passages = {PASSAGES}
"""
SITES = ("cdc", "uk", "who")
STATES = {"untuned": "as it comes", "embedder": "tuned embedder", "both": "tuned embedder and reranker"}


def models(home: Path, embedder: str, every: int) -> tuple[list[Path], dict[str, Any]]:
    """The folders of embedder and reranker, and what the reranker's training says."""
    from penstock.purposes import Purpose
    from penstock.trained import on_disk
    from penstock.training import sets
    from penstock.training.splits import Split
    from penstock.tuning.running import train

    platform = tuning.prepare(home, RECIPE)
    examples = graded(tuning.of_questions(tuning.DOMAINS)[::every])
    set_ = sets.freeze(platform, tuning.INDEX, Purpose.RERANKER, 1, examples, {}, {})
    began = time.perf_counter()
    reranker = train(platform, tuning.INDEX, Purpose.RERANKER, "reranker", set_.id)
    minutes = (time.perf_counter() - began) / 60
    folders = [Path(on_disk(platform, f"trained:{model}")) for model in (embedder, reranker.id)]
    platform.close()
    rows = {split: len(set_.of(Split(split))) for split in QUESTIONS}
    return folders, {"minutes": minutes, "rows": rows, "figures": dict(reranker.figures)}


def graded(examples: Sequence[Any]) -> list[Any]:
    """Questions with their own passage and the nearest of their site that are not too like it."""
    from penstock.embedding import open_embedder
    from penstock.settings import EmbedderSettings
    from penstock.training.examples import Graded, RerankerExample
    from penstock.training_settings import TrainingSettings
    from penstock.tuning import ranking

    below, embedder, texts = TrainingSettings().negatives_below, open_embedder(EmbedderSettings()), tuning.passages()
    made = []
    for site in tuning.DOMAINS:
        asked = spread([one for one in examples if one.group.startswith(f"{site}/")], len(examples))
        among = [text for name, text in texts.items() if name.startswith(f"{site}/")]
        over = ranking.of_pairs([(one.query, one.positive) for one in asked], among)
        found = dict(zip(over.questions, ranking.scores(embedder, over), strict=True))
        places = {text: place for place, text in enumerate(over.passages)}
        for one in asked:
            scores, right = found[one.query], over.relevant[over.questions.index(one.query)]
            limit = below * float(scores[places[one.positive]])
            wrong = [
                place for place in (-scores).argsort(kind="stable") if place not in right and scores[place] < limit
            ]
            passages = [Graded(one.positive, 1.0), *(Graded(over.passages[place], 0.0) for place in wrong)][:PASSAGES]
            said = learned.said(f"{one.id}r", one.query, one.group, one.split, "en")
            made.append(RerankerExample(**said, passages=tuple(passages)))
    return made


def spread(examples: Sequence[Any], among: int) -> list[Any]:
    """This site's part of ``QUESTIONS``, from all over its own."""
    taken = []
    for split, wanted in QUESTIONS.items():
        mine = [one for one in examples if one.split == split]
        count = min(len(mine), -(-wanted * len(examples) // among))
        taken += [mine[nth * len(mine) // count] for nth in range(count)]
    return taken


def measure(home: Path, embedder: str, every: int) -> dict[str, Any]:
    """By site: figures of each state, and what each gains over the one before."""
    from penstock.evaluation.comparing import compare

    folders, said = models(home, embedder, every)
    plain = states(home / "untuned", every, {"untuned": ""})
    tuned = states(home / "tuned", every, {"embedder": "rerank=off", "both": ""}, *folders)
    found: dict[str, Any] = {}
    for site, before in plain.items():
        sides = {**before, **tuned[site]}
        gains = {
            later: {one: value.to_dict() for one, value in compare(sides[later], sides[earlier]).change.items()}
            for earlier, later in (("untuned", "embedder"), ("embedder", "both"))
        }
        figures = {
            name: {one: side.figures[one].to_dict() for one in retrieval.SHOWN} | {"seconds": side.seconds}
            for name, side in sides.items()
        }
        found[site] = {"questions": len(before["untuned"].results), "figures": figures, "gains": gains}
    return {"reranker": said, "sites": found}


def states(home: Path, every: int, of: Mapping[str, str], *models: Path) -> dict[str, dict[str, Any]]:
    """By site and state: what was measured under the state's changes of the configuration."""
    from penstock import evaluation
    from penstock.evaluation.measuring import measure as ask
    from penstock.platform import Platform
    from penstock.settings import load
    from penstock.sync import sync

    home.mkdir()
    sites = SITES if every == 1 else SITES[-1:]
    retrieval.write(home, list(sites), *models)
    platform = Platform(load(home / "penstock.toml"))
    found: dict[str, dict[str, Any]] = {}
    for site in sites:
        report = sync(platform, site)
        assert report.state == "published", report.message
        questions = evaluation.read(data_folder() / retrieval.SETS[site][1], "test")
        questions = replace(questions, questions=questions.questions[::every])
        found[site] = {
            state: ask(platform, site, evaluation.sides(platform, site, None, changes)[0], questions)
            for state, changes in of.items()
        }
    platform.close()
    return found


# -- the page ---------------------------------------------------------------------------------------------------------


def part(bench: Bench) -> Page:
    embedder = bench.tuned("questions", 0)["model"]
    options = ["--home", str(bench.tuning), "--embedder", embedder, "--every", str(bench.every)]
    yield from ("", "## The whole pipeline, tuned", "")
    yield from page(measured("whole", [sys.executable, "-m", "benchmarks.whole", *options]))


def page(found: Mapping[str, Any]) -> Iterator[str]:
    said = found["reranker"]
    before, after = (said["figures"][when]["nDCG@10"] for when in ("before", "after"))
    yield (
        "FeedbackQA's test questions through the default pipeline (hybrid; documents by their best chunk), each state "
        "with its difference to the one above it, means with 95 % intervals (BCa bootstrap over the questions). Both "
        "models are tuned on training questions: the embedder on all, the reranker, which is the default embedder's "
        f"transformer with a new head, on {said['rows']['train']:,} of them, each with its passage and up to "
        f"{PASSAGES - 1} that do not answer, in {said['minutes']:.0f} minutes. Of the {said['rows']['validation']} "
        f"validation questions it orders these with nDCG@10 {after:.3f}; before it was trained, {before:.3f}."
    )
    yield from ("", row("", "", *retrieval.SHOWN, "gain in nDCG@10", "ms a question"), "|---|---|---|---|---|---|---|")
    for site, one in found["sites"].items():
        for state, label in STATES.items():
            name = f"{retrieval.SETS[site][0]}, {one['questions']:,} questions" if state == "untuned" else ""
            figures = one["figures"][state]
            gain = retrieval.cell(one["gains"][state]["nDCG@10"], "+") if state in one["gains"] else ""
            cells = (retrieval.cell(figures[each]) for each in retrieval.SHOWN)
            yield row(name, label, *cells, gain, f"{1000 * figures['seconds'] / one['questions']:.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--embedder", required=True, help="the id of a model that was trained in HOME")
    parser.add_argument("--every", type=int, default=1, help="every n-th question, of the smallest site only")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.home, arguments.embedder, arguments.every)))
