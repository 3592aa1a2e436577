"""An index with a tiny embedder, and training sets of made-up questions whose answers can be learned."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.ids import hash_of
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.settings import FolderSource, IndexSettings, Settings
from penstock.training import sets
from penstock.training.examples import AnyExample, EmbedderExample, GeneratorExample, Graded, RerankerExample
from penstock.training.sets import TrainingSet
from penstock.training.splits import Split
from support import tiny_models
from support.workspace import place_empty_catalog

THINGS = "wheel weir sluice barley miller ferry eel bank gate stone shaft flume lamp rope sack oven".split()  # noqa: SIM905
PLACES = "mill north south river bridge yard loft cellar".split()  # noqa: SIM905
SPLITS = {6: Split.VALIDATION, 7: Split.TEST}
"""By the number of the place: the others are trained on."""


def facts() -> list[tuple[str, str, Split]]:
    """Questions and their passages. No word is in both but by what training can find out: thing and place."""
    return [
        (
            f"where {thing} of {place} kept",
            f"keeper says {thing.upper()} {place} stands ready",
            SPLITS.get(n, Split.TRAIN),
        )
        for n, place in enumerate(PLACES)
        for thing in THINGS
    ]


def texts() -> list[str]:
    return [text for question, passage, _ in facts() for text in (question, passage)]


@functools.cache
def empty_tracking() -> bytes:
    """MLflow's database without a run: making one takes as long as a training."""
    from mlflow import MlflowClient

    with tempfile.TemporaryDirectory() as folder:
        MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
        return (Path(folder) / "mlflow.db").read_bytes()


def platform(root: Path, **recipes: Any) -> Platform:
    """``root/model`` is the embedder of the index ``main``; ``recipes`` are of the configuration."""
    if not (root / "model").exists():
        tiny_models.embedder(root / "model", texts())
    settings = Settings(
        sources={"docs": FolderSource(type="folder", path=root / "documents", when_silent=("public",))},
        indexes={
            "main": IndexSettings(
                sources=("docs",), embedder={"model": str(root / "model"), "threads": 1}, training={"min_examples": 20}
            )
        },
        recipes=recipes,
        file=root / "penstock.toml",
        home=root / "home",
    )
    place_empty_catalog(settings.catalog_url)
    if not (settings.home / "mlflow.db").exists():
        (settings.home / "mlflow.db").write_bytes(empty_tracking())
    return Platform(settings)


def common(question: str, group: str, split: Split) -> dict[str, Any]:
    return {
        "id": hash_of("example", question)[:32],
        "question": hash_of("question", question)[:32],
        "query": question,
        "group": group,
        "split": split,
        "weight": 1.0,
        "source": "docs",
        "language": "en",
        "release": 1,
        "interactions": (),
        "feedback": (),
        "documents": (),
        "chunks": (),
    }


def embedder_examples() -> list[AnyExample]:
    made = facts()
    return [
        EmbedderExample(
            **common(question, passage, split),
            positive=passage,
            negatives=(made[(n + 1) % len(made)][1],) if n % 3 else (),
            relevant={},
        )
        for n, (question, passage, split) in enumerate(made)
    ]


def reranker_examples() -> list[AnyExample]:
    made = facts()
    return [
        RerankerExample(
            **common(question, passage, split),
            passages=(Graded(passage, 1.0), *(Graded(made[(n + k) % len(made)][1], 0.0) for k in (1, 7, 16))),
        )
        for n, (question, passage, split) in enumerate(made)
    ]


def generator_examples() -> list[AnyExample]:
    """Each answer quotes the one passage; what is rejected is prose."""
    found: list[AnyExample] = []
    for question, passage, split in facts():
        answer = f'{{"claim": "{passage}", "quotes": [{{"passage": 1, "quote": "{passage}"}}]}}'
        messages = (
            {"role": "system", "content": "Answer in JSON."},
            {"role": "user", "content": f"passage 1: {passage}\n\nThe question: {question}"},
        )
        found.append(
            GeneratorExample(
                **common(question, passage, split),
                messages=messages,
                answer=answer,
                rejected=f"I think {passage}" if len(found) % 2 else None,
                refusal=False,
            )
        )
    return found


def made_set(examples: Sequence[AnyExample]) -> TrainingSet:
    """A set that no catalog knows."""
    return TrainingSet("0123", "main", Purpose.EMBEDDER, 1, 0.0, None, 0, {}, {}, tuple(examples))


def frozen(platform: Platform, purpose: Purpose) -> TrainingSet:
    made = {
        Purpose.EMBEDDER: embedder_examples,
        Purpose.RERANKER: reranker_examples,
        Purpose.GENERATOR: generator_examples,
    }[purpose]()
    return sets.freeze(platform, "main", purpose, 1, made, {}, {"needed": 1})


def steps(platform: Platform, run: str) -> list[int]:
    """Those of which a run knows the loss."""
    return [one.step for one in _loss(platform, run)]


def losses(platform: Platform, run: str) -> list[float]:
    """Of the training, by step."""
    return [one.value for one in _loss(platform, run)]


def _loss(platform: Platform, run: str) -> list[Any]:
    from mlflow import MlflowClient

    found = MlflowClient(tracking_uri=platform.settings.tracking_url).get_metric_history(run, "loss")
    return sorted(found, key=lambda one: one.step)
