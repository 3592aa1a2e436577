"""Refusing: how well the confidence tells questions that an index answers from those that it does not.

    python -m benchmarks.refusing --work FOLDER           the figures, as JSON
    python -m benchmarks.refusing --work FOLDER --fit     fit anew, and write include/penstock/answers/calibration.json

`near`: all 597 passages of CLAPNQ (Rosenthal et al., 2024) in one index; its 300 unanswerable questions have there the
passage that their annotators looked at and that does not answer them. `absent`: the same with half of the passages, and
the 300 answerable questions, half of whose passages are not there. The model is fitted on one half of both, by hash of
the question, and reported on the other. FeedbackQA's test questions over one half of each site's documents, by hash,
say how that carries over to other documents: nothing is fitted there.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.bench import Bench, Page, measured, row
from benchmarks.replay import REPOSITORY, data_folder

CLAPNQ, FEEDBACKQA = "clapnq", "feedbackqa"
SITES = ("CDC", "UK", "WHO")
CALIBRATION = REPOSITORY / "include" / "penstock" / "answers" / "calibration.json"
MODELS = (("cosine", "lead", "together"), ("covered", "together"))
"""The figures that each model looks at: with the vectors of the default embedder, and by words alone."""
PRECISION = 0.9
RESAMPLES = 1000
TITLES = {
    "near": "CLAPNQ: a passage is near and does not answer",
    "absent": "CLAPNQ: the passage is not there",
    **{site.lower(): f"FeedbackQA {site}: the document is not there" for site in SITES},
}


@dataclass(frozen=True)
class Question:
    """``answerable``: the index holds what answers it. ``fits``: of the half that the model is fitted on."""

    experiment: str
    index: str
    text: str
    answerable: bool

    @property
    def fits(self) -> bool:
        return self.experiment in ("near", "absent") and half(f"split {self.text}")


def half(name: str) -> bool:
    return sha256(name.encode()).digest()[0] % 2 == 0


def clapnq(corpus: Path) -> Iterator[Question]:
    """Write the passages of both indexes, and yield the questions."""
    for answerable in (True, False):
        kind = "answerable" if answerable else "unanswerable"
        for one in lines(data_folder() / CLAPNQ / f"clapnq_dev_{kind}.jsonl"):
            passage = one["passages"][0]
            name = sha256(passage["text"].encode()).hexdigest()[:16]
            kept = half(name)
            for index in ("near", "absent") if kept else ("near",):
                write(corpus / index / f"{name}.md", passage["title"], passage["text"])
            yield Question("near", "near", one["input"], answerable)
            if answerable:
                yield Question("absent", "absent", one["input"], kept)


def feedbackqa(corpus: Path, site: str) -> Iterator[Question]:
    folder, name = data_folder() / FEEDBACKQA / site, site.lower()
    for one in lines(folder / "corpus.jsonl"):
        if half(one["_id"]):
            write(corpus / name / f"{one['_id']}.md", one["title"], one["text"])
    texts = {one["_id"]: one["text"] for one in lines(folder / "queries.jsonl")}
    gold: dict[str, list[str]] = defaultdict(list)
    with (folder / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        for judged in csv.DictReader(file, delimiter="\t"):
            gold[judged["query-id"]].append(judged["corpus-id"])
    for query, documents in gold.items():
        yield Question(name, name, texts[query], any(map(half, documents)))


def lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(path: Path, title: str, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {title.strip()}\n\n{text}\n", encoding="utf-8")


def figures(work: Path, fits: bool, every: int = 1) -> list[tuple[Question, dict[str, float], float]]:
    """Each question of the half with the figures of its search and today's confidence; the indexes are in ``work``."""
    from penstock.answers.confidence import confidence, figures_of
    from penstock.platform import Platform
    from penstock.retrieval import search
    from penstock.settings import EmbedderSettings, load
    from penstock.sync import sync

    corpus = work / "corpus"
    asked = [*clapnq(corpus), *(one for site in SITES for one in feedbackqa(corpus, site))]
    platform = Platform(load(configuration(work, sorted({one.index for one in asked}))))
    for index in platform.settings.indexes:
        if sync(platform, index).state not in ("published", "unchanged"):
            raise RuntimeError(f"{index} was not published")
    embedder = platform.embedder(EmbedderSettings()).fingerprint
    # two experiments take turns in the list: every n-th of it would leave one of them out
    mine = sorted((one for one in asked if one.fits is fits), key=lambda one: one.experiment)[::every]
    found = [(one, search(platform, one.index, one.text)) for one in mine]
    platform.close()
    return [(one, figures_of(one.text, got), confidence(one.text, got, embedder)) for one, got in found]


def configuration(work: Path, indexes: Sequence[str]) -> Path:
    parts = ['home = "home"']
    for name in indexes:
        parts += [f'[sources.{name}]\ntype = "folder"\npath = "corpus/{name}"\nwhen_silent = ["public"]']
        parts += [f'[indexes.{name}]\nsources = ["{name}"]']
    (work / "penstock.toml").write_text("\n".join(parts), encoding="utf-8")
    return work / "penstock.toml"


def measure(work: Path, every: int) -> dict[str, Any]:
    """For each experiment the figures of its questions that nothing was fitted on."""
    from penstock.settings import AnswerSettings

    needed = AnswerSettings().min_confidence
    found = figures(work, fits=False, every=every)
    results = {}
    for name in TITLES:
        mine = [(one, given, sure) for one, given, sure in found if one.experiment == name]
        labels = [one.answerable for one, _, _ in mine]
        sure = [sure for _, _, sure in mine]
        top = [given.get("cosine", 0.0) for _, given, _ in mine]
        results[name] = {
            "questions": len(mine),
            "answerable": sum(labels),
            "confidence": {"auroc": interval(auroc, sure, labels), "coverage": interval(coverage, sure, labels)},
            "top score": {"auroc": interval(auroc, top, labels), "coverage": interval(coverage, top, labels)},
            "answered": share(sure, labels, True, needed),
            "answered wrongly": share(sure, labels, False, needed),
        }
    return {"experiments": results, "needed": needed}


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores)) if len(set(labels)) == 2 else 0.5


def coverage(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """The share of the answerable that can be answered so that ``PRECISION`` of all that is answered is answerable."""
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(labels, scores)
    return float(max(recall[precision >= PRECISION], default=0.0))


def share(scores: Sequence[float], labels: Sequence[bool], label: bool, needed: float) -> float:
    mine = [score for score, one in zip(scores, labels, strict=True) if one is label]
    return sum(score >= needed for score in mine) / len(mine)


def interval(figure: Callable[..., float], scores: Sequence[float], labels: Sequence[bool]) -> list[float]:
    """The figure and its 95 % interval, by bootstrap over the questions."""
    from scipy.stats import bootstrap

    drawn = bootstrap(
        (scores, labels), figure, paired=True, vectorized=False, n_resamples=RESAMPLES, method="percentile", rng=0
    ).confidence_interval
    return [figure(scores, labels), float(drawn.low), float(drawn.high)]


def fit(work: Path) -> None:
    """Fit each model on its half, and write the coefficients with where they come from."""
    from sklearn.linear_model import LogisticRegression

    from penstock.embedding import embedder_fingerprint
    from penstock.settings import EmbedderSettings

    given = [(one, values) for one, values, _ in figures(work, fits=True)]
    labels = [one.answerable for one, _ in given]
    models = []
    for wanted in MODELS:
        model = LogisticRegression(C=10.0).fit([[values[figure] for figure in wanted] for _, values in given], labels)
        weights = {figure: round(float(weight), 3) for figure, weight in zip(wanted, model.coef_[0], strict=True)}
        embedder = embedder_fingerprint(EmbedderSettings()) if "cosine" in wanted else None
        models.append({"embedder": embedder, "intercept": round(float(model.intercept_[0]), 3), "weights": weights})
    provenance = {
        "by": "python -m benchmarks.refusing --fit",
        "on": f"{len(given)} questions of CLAPNQ dev (Apache-2.0), {sum(labels)} of them answerable",
        "at": time.strftime("%Y-%m-%d"),
        "with": machine.software(),
    }
    CALIBRATION.write_text(json.dumps({**provenance, "models": models}, indent=2) + "\n", encoding="utf-8")


def part(bench: Bench) -> Page:
    command = [
        sys.executable,
        "-m",
        "benchmarks.refusing",
        "--work",
        str(bench.work / "refusing"),
        "--every",
        str(bench.every),
    ]
    result = measured("refusing", command)
    yield from ("", "## Refusing", "")
    yield (
        "The chance that an index holds the answer, from the search alone, against whether it does; beside it the best "
        f"cosine. Coverage is the share of the answerable questions that can be answered while {PRECISION:.0%} of what "
        "is answered is answerable. With 95 % intervals (bootstrap over the questions). The last two columns: answered "
        f"at the default `answer.min_confidence` = {result['needed']:g}, of the answerable and of the others."
    )
    heads = ("", "questions (answerable)", "AUROC", "top score's", "coverage", "top score's", "answered", "wrongly")
    yield from ("", row(*heads), row(*["---"] * len(heads)))
    for name, found in result["experiments"].items():
        cells = [shown(found[by][figure]) for figure in ("auroc", "coverage") for by in ("confidence", "top score")]
        asked = f"{found['questions']} ({found['answerable']})"
        yield row(TITLES[name], asked, *cells, f"{found['answered']:.0%}", f"{found['answered wrongly']:.0%}")


def shown(figure: Sequence[float]) -> str:
    value, low, high = figure
    return f"{value:.2f} ({low:.2f}–{high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "penstock-refusing")
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="ask every n-th question only: not figures to quote")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    os.environ.pop("PENSTOCK_HOME", None)
    if arguments.fit:
        fit(arguments.work)
    else:
        print(json.dumps(measure(arguments.work, arguments.every)))


if __name__ == "__main__":
    main()
