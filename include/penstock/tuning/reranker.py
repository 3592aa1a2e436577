"""A reranker from graded passages: a cross-encoder that reads question and passage together, with a LoRA.

Trained is what is served: the same tokens of a pair, one logit, against the grade by cross entropy (Nogueira and Cho,
"Passage re-ranking with BERT", 2019). Where no cross-encoder is named it is the embedder's transformer with a new head.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.embedding.folder import TOKENIZER
from penstock.embedding.openvino import pad
from penstock.errors import ModelError
from penstock.evaluation import measures
from penstock.reranking import cross_encoder
from penstock.reranking.local import LocalReranker
from penstock.reranking.pairs import PairTokenizer
from penstock.settings import LocalRerankerSettings
from penstock.training.examples import RerankerExample
from penstock.training.splits import Split
from penstock.tuning import checkpoints, early, lora, mixing, opening
from penstock.tuning.job import Job, Tuned
from penstock.tuning.ranking import means
from penstock.tuning_settings import RerankerRecipe

HEADS = ["classifier", "pooler"]
"""Parts of BERT's and RoBERTa's classifiers that are trained whole: they may be new. Not all have both."""
GRADES = 100
"""Steps between 0 and 1: the measures take whole numbers."""
COMPARED = 16
MAX_DIFFERENCE = 1e-3
"""Of a logit, between what serves the model and torch."""


def tune(job: Job, recipe: RerankerRecipe) -> Tuned:
    """Train, export, compare. Raises ``ModelError`` for a broken loss, or where the export is not the model."""
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

    base = with_head(job, recipe)
    folder = cross_encoder.open_folder(str(base))
    rows = pairs(examples(job, Split.TRAIN), recipe)
    model = opening.model(AutoModelForSequenceClassification, job.base.name, base, dtype="float32")
    heads = [name for name in HEADS if any(name in one.split(".") for one, _ in model.named_modules())]
    model = lora.wrapped(model, recipe, lora.ENCODER, heads)
    work = job.folder / "checkpoints"

    class GradedTrainer(Trainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            import torch

            from penstock.tuning.losses import weighted

            grades, weights = inputs.pop("grades"), inputs.pop("weights")
            logits = model(**inputs).logits[:, 0]
            each = torch.nn.functional.binary_cross_entropy_with_logits(logits, grades, reduction="none")
            loss = weighted(each, weights)
            return (loss, {"logits": logits}) if return_outputs else loss

    trainer = checkpoints.resumable(GradedTrainer)(
        model=model,
        args=TrainingArguments(
            remove_unused_columns=False,
            prediction_loss_only=True,
            label_names=["grades"],
            **lora.arguments(recipe, str(work), len(rows), recipe.epochs, recipe.rate()),
        ),
        data_collator=Collator(folder, recipe.max_length),
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list(pairs(examples(job, Split.VALIDATION), recipe)),
        callbacks=early.callbacks(job),
    )
    took = checkpoints.fit(trainer, work)
    tuned = lora.merged(model, recipe)

    out = job.folder / "model"
    mixing.write(base, base, tuned.state_dict(), 1.0, out)
    asked = examples(job, Split.VALIDATION)
    before, after = (LocalReranker(LocalRerankerSettings(backend="local", model=str(one))) for one in (base, out))
    figures: dict[str, Any] = {"questions": len(asked), "before": measured(before, asked)}
    figures["after"] = measured(after, asked)
    figures["difference to torch"] = equal(after, tuned, Collator(folder, folder.max_length), asked)
    return Tuned(out, figures | took)


def examples(job: Job, split: Split) -> list[RerankerExample]:
    return [one for one in job.set.of(split) if isinstance(one, RerankerExample)]


def pairs(learn: Sequence[RerankerExample], recipe: RerankerRecipe) -> list[dict[str, Any]]:
    """A row for each passage of a question, the best first, as far as the recipe goes."""
    return [
        {"question": one.query, "passage": passage.text, "grade": passage.grade, "weight": one.weight}
        for one in learn
        for passage in one.passages[: recipe.passages]
    ]


class Collator:
    """Rows to tensors, by the tokenizer that serves the model. ``max_length`` is of a pair."""

    def __init__(self, folder: cross_encoder.CrossEncoder, max_length: int) -> None:
        self._tokens = PairTokenizer(folder.tokenizer, min(max_length, folder.max_length))
        self._segments = not folder.kind.roberta

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        found = self.inputs([(row["question"], row["passage"]) for row in rows])
        found["grades"] = torch.tensor([row["grade"] for row in rows], dtype=torch.float32)
        found["weights"] = torch.tensor([row["weight"] for row in rows], dtype=torch.float32)
        return found

    def inputs(self, read: Sequence[tuple[str, str]]) -> dict[str, Any]:
        import torch

        encoded = [self._tokens.encode(question, [passage])[0] for question, passage in read]
        ids, mask = pad([one.ids for one in encoded])
        found = {"input_ids": torch.from_numpy(ids).long(), "attention_mask": torch.from_numpy(mask).long()}
        if self._segments:
            segments, _ = pad([one.segments for one in encoded])
            found["token_type_ids"] = torch.from_numpy(segments).long()
        return found


def with_head(job: Job, recipe: RerankerRecipe) -> Path:
    """The base's folder; of an embedder one beside, its transformer with a head of random weights by the seed."""
    from penstock.embedding.folder import read_json

    named = read_json(job.base.folder / "config.json", {}).get("architectures") or ["none"]
    if named[0] in cross_encoder.KINDS:
        return job.base.folder
    import torch
    from transformers import AutoModelForSequenceClassification

    to = job.folder / "base"
    torch.manual_seed(recipe.seed)
    kind, options = AutoModelForSequenceClassification, {"num_labels": 1, "dtype": "float32"}
    model = opening.model(kind, job.base.name, job.base.folder, HEADS, **options)
    model.save_pretrained(to)
    for name in (TOKENIZER, "tokenizer_config.json"):
        if (job.base.folder / name).exists():
            shutil.copyfile(job.base.folder / name, to / name)
    return to


def measured(reranker: LocalReranker, asked: Sequence[RerankerExample]) -> dict[str, float]:
    """How each question's own passages are ordered; means over the questions."""
    relevant, rankings = {}, {}
    for one in asked:
        ranking = reranker.rerank(one.query, [passage.text for passage in one.passages])
        rankings[one.id] = [str(hit.place) for hit in ranking.hits]
        graded = {str(place): round(passage.grade * GRADES) for place, passage in enumerate(one.passages)}
        relevant[one.id] = {place: grade for place, grade in graded.items() if grade}
    return means(measures.by_question(relevant, rankings))


def equal(served: LocalReranker, model: Any, collator: Collator, asked: Sequence[RerankerExample]) -> float:
    """The largest difference of a logit to torch. Raises ``ModelError`` above what is allowed."""
    import torch

    most = 0.0
    model.eval()
    for one in asked[:COMPARED]:
        texts = [passage.text for passage in one.passages]
        with torch.no_grad():
            inputs = collator.inputs([(one.query, text) for text in texts])
            theirs = model(**{name: value.to(model.device) for name, value in inputs.items()}).logits[:, 0]
        ours = torch.from_numpy(served.scores(one.query, texts))
        most = max(most, float((ours - theirs.cpu()).abs().max()))
    if not most <= MAX_DIFFERENCE:
        raise ModelError(
            f"the exported model gives other scores than the trained one: they differ by {most:.6f}, and "
            f"{MAX_DIFFERENCE} is allowed; nothing was kept"
        )
    return round(most, 6)
