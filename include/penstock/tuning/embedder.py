"""An embedder from questions and passages: each question has to find its own passage among those of its batch.

Contrastive learning with in-batch and mined negatives (Henderson et al., 2017; Karpukhin et al., 2020), a LoRA over the
index's own model, then as much of it as is best on the validation split, in a folder that the serving path reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.embedding import open_embedder
from penstock.embedding.folder import ModelFolder, open_folder
from penstock.embedding.openvino import MIN_COSINE
from penstock.errors import ConfigError, ModelError
from penstock.settings import EmbedderSettings
from penstock.training.examples import EmbedderExample
from penstock.training.splits import Split
from penstock.tuning import checkpoints, early, lora, mixing, opening, ranking
from penstock.tuning.job import Job, Tuned
from penstock.tuning_settings import EmbedderRecipe

COMPARED = 64
"""Texts on which the serving path has to give what torch gives."""
AMONG = 300
"""Examples to train on, among whose passages those of the validation split have to be found during the training."""


def texts_of_a_row(recipe: EmbedderRecipe) -> int:
    return 2 + recipe.negatives


def tune(job: Job, recipe: EmbedderRecipe) -> Tuned:
    """Train, mix, export, compare.

    Raises ``ConfigError`` for a file of the recipe that cannot be read, before it trains; ``ModelError`` for a broken
    loss, or where the export is not the model.
    """
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.training_args import SentenceTransformerTrainingArguments

    from penstock.tuning.losses import Finding, WeightedRanking

    folder = open_folder(str(job.base.folder))
    guard = ranking.of_pairs(*ranking.read_pairs(recipe.guard, "recipes.guard")) if recipe.guard else None
    learn, chosen_on = examples(job, Split.TRAIN), examples(job, Split.VALIDATION)
    rows = columns(job, recipe, learn) + replayed(job, recipe)
    rows = [rows[place] for place in np.random.default_rng(recipe.seed).permutation(len(rows))]
    with opening.readable(job.base.name, folder.path):
        options = {"use_safetensors": True, "dtype": "float32"}
        model = SentenceTransformer(str(folder.path), model_kwargs=options, **opening.CLOSED)
    model.max_seq_length = min(recipe.max_length, folder.max_length)
    model[0].model = lora.wrapped(model[0].model, recipe, lora.ENCODER)
    work = job.folder / "checkpoints"
    trainer = checkpoints.resumable(SentenceTransformerTrainer)(
        model=model,
        args=SentenceTransformerTrainingArguments(
            batch_sampler="no_duplicates",
            **lora.arguments(recipe, str(work), len(rows), recipe.epochs, recipe.rate()),
        ),
        train_dataset=Dataset.from_list(rows),
        evaluator=Finding(ranking.pool(chosen_on, [*chosen_on, *learn[:AMONG]]), job.embedder, recipe),
        loss=WeightedRanking(model, scale=recipe.scale),
        callbacks=early.callbacks(job),
    )
    took = checkpoints.fit(trainer, work)
    model[0].model = lora.merged(model[0].model, recipe)
    tuned = dict(model[0].model.state_dict())

    out = job.folder / "model"
    share, figures = mixed(job, recipe, folder, guard, tuned, out)
    mixing.write(folder.path, folder.root, tuned, share, out)
    figures["cosine to torch"] = equal(job, out, [text for one in chosen_on for text in (one.query, one.positive)])
    return Tuned(out, figures | took)


def examples(job: Job, split: Split) -> list[EmbedderExample]:
    return [one for one in job.set.of(split) if isinstance(one, EmbedderExample)]


def columns(job: Job, recipe: EmbedderRecipe, learn: Sequence[EmbedderExample]) -> list[dict[str, Any]]:
    """A row an example, all of one width: where too few negatives were mined, other groups' passages stand in."""
    draw, passages = np.random.default_rng(recipe.seed), list(dict.fromkeys((one.positive, one.group) for one in learn))
    rows = []
    for one in learn:
        negatives = list(one.negatives[: recipe.negatives])
        while len(negatives) < recipe.negatives:
            passage, group = passages[draw.integers(len(passages))]
            if group != one.group:
                negatives.append(passage)
        question, embedder = job.embedder.query_prompt + one.query, job.embedder
        rows.append(row(question, [embedder.document_prompt + text for text in (one.positive, *negatives)], one.weight))
    return rows


def replayed(job: Job, recipe: EmbedderRecipe) -> list[dict[str, Any]]:
    """Pairs that the model knew before, as rows of the same width."""
    if recipe.replay is None:
        return []
    pairs, more = ranking.read_pairs(recipe.replay, "recipes.replay")
    draw, passages = np.random.default_rng(recipe.seed), list(dict.fromkeys([*(right for _, right in pairs), *more]))
    if len(passages) < 2:
        raise ConfigError(f"recipes.replay: {recipe.replay} holds one passage, so there is no wrong one")
    rows = []
    for question, right in pairs:
        negatives: list[str] = []
        while len(negatives) < recipe.negatives:
            passage = passages[draw.integers(len(passages))]
            if passage != right:
                negatives.append(passage)
        prompt = job.embedder.document_prompt
        rows.append(row(job.embedder.query_prompt + question, [prompt + text for text in (right, *negatives)], 1.0))
    return rows


def row(question: str, passages: Sequence[str], weight: float) -> dict[str, Any]:
    """The first passage is the right one. The column "label" is what sentence-transformers hands to a loss."""
    named = {f"passage_{nth}": text for nth, text in enumerate(passages)}
    return {"question": question, **named, "label": weight}


def mixed(
    job: Job, recipe: EmbedderRecipe, folder: ModelFolder, guard: ranking.Pool | None, tuned: Any, out: Path
) -> tuple[float, dict[str, Any]]:
    """The share of the tuned weights that is best on the validation split and holds the guard, with all figures.

    Where none holds the guard it is the smallest, and ``guard held`` says so: the gate will see it.
    """
    asked = examples(job, Split.VALIDATION)
    over = ranking.pool(asked, [one for one in job.set.examples if isinstance(one, EmbedderExample)])
    pools = {"validation": over} | ({"guard": guard} if guard else {})
    before = {name: figures_of(job, recipe, folder.path, one) for name, one in pools.items()}
    after: dict[float, dict[str, dict[str, float]]] = {}
    job.progress.stage("mix", len(recipe.mixes))
    for share in sorted(recipe.mixes):
        mixing.write(folder.path, folder.root, tuned, share, out)
        after[share] = {name: figures_of(job, recipe, out, one) for name, one in pools.items()}
        job.progress.advance()
    chosen, held = choose(before, after, recipe.max_guard_drop)
    found: dict[str, Any] = {"questions": len(over.questions), "passages": len(over.passages), "mix": chosen}
    found |= {"before": before["validation"], "after": after[chosen]["validation"]}
    if guard:
        found |= {"guard before": before["guard"], "guard after": after[chosen]["guard"], "guard held": held}
    found["mixes"] = {f"{share:g}": by for share, by in after.items()}
    return chosen, found


def choose(
    before: Mapping[str, Mapping[str, float]],
    after: Mapping[float, Mapping[str, Mapping[str, float]]],
    max_guard_drop: float,
) -> tuple[float, bool]:
    """Which share wins, and whether it holds the guard; of equals the smaller, which is nearer to the base.

    The winner has the lowest loss: of a few questions the measures tell luck.

    >>> flat = {"validation": {"loss": 2.0}, "guard": {"nDCG@10": 0.7}}
    >>> def got(loss, guard): return {"validation": {"loss": loss}, "guard": {"nDCG@10": guard}}
    >>> choose(flat, {0.5: got(1.7, 0.70), 0.7: got(1.5, 0.696), 1.0: got(1.4, 0.68)}, 0.005)
    (0.7, True)
    >>> choose(flat, {0.5: got(1.7, 0.65), 1.0: got(1.4, 0.6)}, 0.005)
    (0.5, False)
    """
    floor = before["guard"]["nDCG@10"] - max_guard_drop if "guard" in before else None
    held = [share for share, found in after.items() if floor is None or found["guard"]["nDCG@10"] >= floor]
    if not held:
        return min(after), False
    return min(held, key=lambda share: (after[share]["validation"]["loss"], share)), True


def figures_of(job: Job, recipe: EmbedderRecipe, path: Path, over: ranking.Pool) -> dict[str, float]:
    return ranking.measured(open_embedder(served(job, path)), over, recipe.scale)


def served(job: Job, path: Path) -> EmbedderSettings:
    """The index's embedder with this folder for a model, in the precision that nothing is compared to."""
    return job.embedder.model_copy(update={"model": str(path), "precision": "float32"})


def equal(job: Job, out: Path, texts: Sequence[str]) -> float:
    """The least cosine between what serves the model and torch. Raises ``ModelError`` below what is asked for."""
    texts = list(dict.fromkeys(texts))[:COMPARED]
    torch_runs = served(job, out).model_copy(update={"backend": "sentence-transformers"})
    ours, theirs = (open_embedder(one).embed_documents(texts) for one in (served(job, out), torch_runs))
    least = float((ours * theirs).sum(axis=1).min())
    if not least >= MIN_COSINE:
        raise ModelError(
            f"the exported model gives other vectors than the trained one: cosine {least:.6f}, and {MIN_COSINE} is "
            "asked for; nothing was kept"
        )
    return round(least, 6)
