"""What a tuned embedder costs on the serving path: the same texts, by it and by its base, in turns.

    python -m benchmarks.exporting --home FOLDER

The tuned one is `train`'s own: a LoRA of a few steps over the default embedder, merged, mixed and exported, and opened
as a release's embedder is. Beside the two stands the base once more, from a copy of its folder: what it differs by from
itself is the luck of the machine. Texts are of 240 tokens, as in ``embedding``; a question is embedded alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import corpus, learned
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.embedding import texts

INDEX = "made"
TRAINED_ON, VALIDATED_ON = 128, 32
TEXTS, ROUNDS, QUESTIONS = 16, 15, 10
TUNED, BASE, AGAIN = "tuned and exported", "as it comes", "as it comes, once more"
MARK, MARK_COSINE = 0.05, 0.9999
RECIPE = """
[recipes.short]
purpose = "embedder"
epochs = 1
batch = 16
max_length = 64
mixes = [1.0]
"""


def tuned(home: Path) -> tuple[str, dict[str, Any]]:
    """The folder of a model that was tuned here, and the figures of its training."""
    from penstock.platform import Platform
    from penstock.purposes import Purpose
    from penstock.settings import load
    from penstock.trained import on_disk
    from penstock.training import sets
    from penstock.training.splits import Split
    from penstock.tuning.running import train

    home.mkdir(parents=True, exist_ok=True)
    (home / "penstock.toml").write_text(learned.platform_of(INDEX) + RECIPE, encoding="utf-8")
    platform = Platform(load(home / "penstock.toml"))
    splits = [Split.TRAIN] * TRAINED_ON + [Split.VALIDATION] * VALIDATED_ON
    examples = [example(nth, split) for nth, split in enumerate(splits)]
    set_ = sets.freeze(platform, INDEX, Purpose.EMBEDDER, 1, examples, {}, {})
    model = train(platform, INDEX, Purpose.EMBEDDER, "short", set_.id)
    folder = on_disk(platform, f"trained:{model.id}")
    platform.close()
    return folder, dict(model.figures)


def example(nth: int, split: Any) -> Any:
    """A made section, asked for by words of it."""
    from penstock.training.examples import EmbedderExample

    words = corpus.words(f"section {nth}", 40)
    query = " ".join(words[::5])
    shared = learned.said(query, query, str(nth), split)
    return EmbedderExample(**shared, positive=" ".join(words), negatives=(), relevant={})


def measure(home: Path, rounds: int) -> dict[str, Any]:
    from penstock.embedding import open_embedder
    from penstock.embedding.folder import open_folder
    from penstock.settings import EmbedderSettings

    folder, figures = tuned(home)
    plain = EmbedderSettings()
    plain = plain.model_copy(update={"precision": open_embedder(plain).runtime["precision"]})  # else load would choose
    copied = shutil.copytree(open_folder(plain.model).path, home / "base", dirs_exist_ok=True)
    settings = {
        BASE: plain,
        TUNED: plain.model_copy(update={"model": folder}),
        AGAIN: plain.model_copy(update={"model": str(copied)}),
    }
    contenders = {name: open_embedder(one) for name, one in settings.items()}
    asked, passages = list(corpus.questions(QUESTIONS)), texts(TEXTS)
    torch_runs = {
        name: settings[name].model_copy(update={"backend": "sentence-transformers", "precision": "auto"})
        for name in (BASE, TUNED)
    }
    cosines = {}
    for name, one in torch_runs.items():
        ours, theirs = (each.embed_documents(passages + asked) for each in (contenders[name], open_embedder(one)))
        cosines[name] = float((ours * theirs).sum(axis=1).min())
    moved = float(
        (contenders[TUNED].embed_documents(asked) * contenders[BASE].embed_documents(asked)).sum(axis=1).mean()
    )
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    question_ms: dict[str, list[float]] = {name: [] for name in contenders}
    for nth in range(rounds):
        names = list(contenders)
        for name in names[nth % 3 :] + names[: nth % 3]:  # none always comes first
            wall, busy = time.perf_counter(), time.process_time()
            contenders[name].embed_documents(passages)
            seconds[name].append(time.perf_counter() - wall)
            cpu[name].append(time.process_time() - busy)
        for question in asked:
            for name, one in contenders.items():
                busy = time.process_time()
                one.embed_query(question)
                question_ms[name].append(1000 * (time.process_time() - busy))
    return {
        "seconds": seconds,
        "cpu": cpu,
        "question_ms": question_ms,
        "cosines": cosines,
        "moved": moved,
        "figures": figures,
        "runtime": {name: dict(one.runtime) for name, one in contenders.items()},
    }


def part(bench: Bench) -> Page:
    home, rounds = bench.work / "exporting", max(ROUNDS // bench.every, 3)
    command = [sys.executable, "-m", "benchmarks.exporting", "--home", str(home), "--rounds", str(rounds)]
    yield from ("", "## A tuned embedder on the serving path", "")
    yield from page(measured("exporting", command))


def page(found: Mapping[str, Any]) -> Iterator[str]:
    figures, runtime = found["figures"], found["runtime"]
    yield (
        f"The default embedder, and a LoRA over it of {figures['steps']} steps, merged and exported by `train` (its "
        f"vectors of questions have cosine {found['moved']:.3f} to the base's). {TEXTS} texts of 240 tokens, "
        f"{len(found['cpu'][BASE])} rounds in turns, medians; after each round {QUESTIONS} questions, each embedded "
        "alone. Processor seconds are those of all threads, which other work on the machine disturbs less. The marks "
        f"are {MARK:.0%} and cosine {MARK_COSINE} to torch."
    )
    head = ("", "texts/s", "of the base's", "texts/CPU-s", "of the base's", "a question, CPU ms", "least cosine", "in")
    yield from ("", row(*head), row(*["---"] * len(head)))
    for name in runtime:
        speeds = [cell for times in (found["seconds"], found["cpu"]) for cell in speed(times, name)]
        cosine = f"{found['cosines'][name]:.6f}" if name in found["cosines"] else ""
        yield row(name, *speeds, f"{median(found['question_ms'][name]):.2f}", cosine, runtime[name]["precision"])
    yield ""
    yield (
        f"{runtime[BASE]['library']}, {runtime[BASE]['threads']} threads. `train`'s own check of the export, in "
        f"float32: cosine {figures['cosine to torch']:.6f}."
    )


def speed(times: Mapping[str, list[float]], name: str) -> tuple[str, str]:
    """Texts a second, and of the base's."""
    return f"{TEXTS / median(times[name]):.1f}", f"**{median(times[BASE]) / median(times[name]):.3f}**"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.home, arguments.rounds)))
