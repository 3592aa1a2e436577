"""What tuning the default embedder is worth on FeedbackQA, from feedback alone and from questions, and what it costs.

    python -m benchmarks.tuning --home FOLDER --data feedback --seed 0

The line of `penstock train` with the built-in recipe and a guard. Judged by exact search over the passages of CDC, UK
and WHO together with the 1,518 test questions, and by SciFact's test queries, which is what must not be forgotten. The
mix of weights is chosen on validation data: FeedbackQA's valid questions (of feedback: a part of its passages), and as
a guard training queries of SciFact. No choice saw a test question; training questions that equal or nearly equal one
are left out. Minutes: about 25 for feedback and 40 for questions, a seed, on two idle cores.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks import scifact
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.replay import data_folder

DATA = "feedbackqa"
DOMAINS = ("CDC", "UK", "WHO")
SEEDS = (0, 1, 2)
RATINGS = {"Excellent": 1.0, "Acceptable": 0.5, "Could be Improved": -0.5, "Bad": -1.0}
GUARD_QUERIES, GUARD_PASSAGES = 300, 500
GUARD = "guard.jsonl"


def passages() -> dict[str, str]:
    """Passage by its name, DOMAIN/ID, its title before its text."""
    return {
        f"{domain}/{one['_id']}": f"{one['title'].strip()}\n\n{one['text']}"
        for domain in DOMAINS
        for one in scifact.lines(data_folder() / DATA / domain / "corpus.jsonl")
    }


def questions(split: str) -> dict[str, tuple[str, list[str]]]:
    """Question → its words, and the names of the passages that answer it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for domain in DOMAINS:
        folder = data_folder() / DATA / domain
        said = {one["_id"]: one["text"] for one in scifact.lines(folder / "queries.jsonl")}
        for line in (folder / "qrels" / f"{split}.tsv").read_text("utf-8").splitlines()[1:]:
            name, passage, _ = line.split("\t")
            found.setdefault(f"{domain}/{name}", (said[name], []))[1].append(f"{domain}/{passage}")
    return found


def rated() -> dict[str, tuple[str, list[str], list[str]]]:
    """Question → its words, passages that were rated well, the best first, and badly; of training and validation."""
    votes: dict[str, dict[str, float]] = defaultdict(dict)
    said = {}
    for one in scifact.lines(data_folder() / DATA / "feedback.jsonl"):
        if one["split"] != "test":
            name = f"{one['domain']}/{one['question']}"
            said[name] = one["question"]
            passage = f"{one['domain']}/{one['passage_id']}"
            votes[name][passage] = sum(RATINGS[rating] for rating in one["rating"]) / len(one["rating"])
    found = {}
    for name, by in votes.items():
        well = sorted((one for one in by if by[one] > 0), key=lambda one: (-by[one], one))
        if well:
            found[name] = (said[name], well, [one for one in by if by[one] < 0])
    return found


def examples(data: str, test: dict[str, tuple[str, list[str]]]) -> list[Any]:
    from penstock.ids import hash_of
    from penstock.training.examples import EmbedderExample
    from penstock.training.leaks import leaks
    from penstock.training.splits import Split, by_hash

    texts = passages()
    rows: list[tuple[str, str, str, list[str], Any]] = []
    if data == "feedback":
        for name, (said, well, bad) in rated().items():
            split = Split.VALIDATION if by_hash(well[0], DATA) is Split.VALIDATION else Split.TRAIN
            rows += [(f"{name} {right}", said, right, bad, split) for right in well]
    else:
        for split, of in ((Split.TRAIN, "train"), (Split.VALIDATION, "valid")):
            rows += [(name, said, right[0], [], split) for name, (said, right) in questions(of).items()]
    judged = {name: said for name, (said, _) in test.items()}
    leaked = {one.example for one in leaks({name: said for name, said, *_ in rows}, judged)}
    return [
        EmbedderExample(
            id=hash_of("example", name)[:32],
            question=hash_of("question", said)[:32],
            query=said,
            group=right,
            split=split,
            weight=1.0,
            source=right.partition("/")[0],
            language="en",
            release=1,
            interactions=(),
            feedback=(),
            documents=(),
            chunks=(),
            positive=texts[right],
            negatives=tuple(texts[one] for one in wrong if one in texts),
            relevant={},
        )
        for name, said, right, wrong, split in rows
        if name not in leaked and right in texts
    ]


def write_guard(path: Path) -> None:
    """Training queries of SciFact with their abstracts, and other abstracts that stand in the way."""
    folder = data_folder() / scifact.DATA
    corpus = {one["_id"]: f"{one['title']} {one['text']}" for one in scifact.lines(folder / "corpus.jsonl")}
    said = {one["_id"]: one["text"] for one in scifact.lines(folder / "queries_all.jsonl")}
    pairs = [line.split("\t") for line in (folder / "qrels" / "train.tsv").read_text("utf-8").splitlines()[1:]]
    rows = [{"question": said[name], "passage": corpus[right]} for name, right, _ in pairs[:GUARD_QUERIES]]
    rows += [{"passage": text} for text in list(corpus.values())[:GUARD_PASSAGES]]
    path.write_text("".join(f"{json.dumps(one)}\n" for one in rows), encoding="utf-8")


def judge(settings: Any, test: dict[str, tuple[str, list[str]]]) -> dict[str, float]:
    """Figures of a model on the test questions, and SciFact's nDCG@10."""
    from penstock.embedding import open_embedder
    from penstock.tuning import ranking

    texts = passages()
    pairs = [(said, texts[one]) for said, right in test.values() for one in right]
    found = ranking.measured(open_embedder(settings), ranking.of_pairs(pairs, list(texts.values())))
    return {**found, "SciFact": scifact.measure(data_folder() / scifact.DATA, settings)["ndcg"]}


def measure(home: Path, data: str, seed: int, every: int) -> dict[str, Any]:
    from penstock.platform import Platform
    from penstock.purposes import Purpose
    from penstock.settings import EmbedderSettings, FolderSource, IndexSettings, Settings
    from penstock.trained import on_disk
    from penstock.training import sets
    from penstock.tuning.running import train
    from penstock.tuning_settings import EmbedderRecipe

    test = dict(list(questions("test").items())[::every])
    home.mkdir(parents=True, exist_ok=True)
    write_guard(home / GUARD)
    platform = Platform(
        Settings(
            sources={"docs": FolderSource(type="folder", path=home, when_silent=("public",))},
            indexes={"covid": IndexSettings(sources=("docs",), training={"min_examples": 20})},
            recipes={"bench": EmbedderRecipe(seed=seed, guard=home / GUARD)},
            file=home / "penstock.toml",
            home=home / "home",
        )
    )
    set_ = sets.freeze(platform, "covid", Purpose.EMBEDDER, 1, examples(data, test)[::every], {}, {})
    began = time.perf_counter()
    made = train(platform, "covid", Purpose.EMBEDDER, "bench", set_.id)
    minutes = (time.perf_counter() - began) / 60
    base = EmbedderSettings()
    tuned = base.model_copy(update={"model": on_disk(platform, f"trained:{made.id}")})
    found = {"base": judge(base, test), "tuned": judge(tuned, test)}
    platform.close()
    counts = {str(split): len(set_.of(split)) for split in {one.split for one in set_.examples}}
    return {**found, "figures": made.figures, "rows": counts, "minutes": minutes, "estimate": made.estimate}


def part(bench: Bench) -> Page:
    yield from ("", "## 12. Tuning the default embedder", "")
    yield (
        "FeedbackQA, 1,518 test questions over the passages of CDC, UK and WHO by exact search, and SciFact's test "
        "queries. The built-in recipe; the mix of base and tuned weights was chosen on validation data and a guard of "
        "SciFact's training queries."
    )
    yield from ("", row("trained on", "rows", "seed", "minutes", "mix", "R@1", "R@5", "nDCG@10", "SciFact nDCG@10"))
    yield "|---|---|---|---|---|---|---|---|---|"
    for data in ("feedback", "questions"):
        for seed in SEEDS:
            home = bench.work / f"tuning-{data}-{seed}"
            options = ["--home", str(home), "--data", data, "--seed", str(seed), "--every", str(bench.every)]
            found = measured(f"tuning {data} {seed}", [sys.executable, "-m", "benchmarks.tuning", *options])
            if (data, seed) == ("feedback", SEEDS[0]):
                yield row("nothing", "", "", "", "", *cells(found["base"]))
            yield row(
                data,
                found["rows"]["train"],
                seed,
                f"{found['minutes']:.0f}",
                found["figures"]["mix"],
                *cells(found["tuned"]),
            )


def cells(found: dict[str, float]) -> list[str]:
    return [f"{found[name]:.3f}" for name in ("R@1", "R@5", "nDCG@10", "SciFact")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", choices=("feedback", "questions"), required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="every n-th example and question only")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.home, arguments.data, arguments.seed, arguments.every)))
