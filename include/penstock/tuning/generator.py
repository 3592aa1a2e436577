"""A generator: first answers that were right, then pairs of a better and a worse one (SFT and DPO, by TRL).

Kept are ``adapter``, as vLLM serves it beside its base by a name, and ``merged``, a whole model. In 4 bits only where
there is a GPU (Dettmers et al., "QLoRA", 2023); DPO after Rafailov et al., "Direct Preference Optimization", 2023.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penstock.errors import RefusedError
from penstock.evaluation import intervals
from penstock.training.examples import GeneratorExample
from penstock.training.sets import TrainingSet
from penstock.training.splits import Split
from penstock.tuning import checkpoints, early, lora, opening, writing
from penstock.tuning.estimates import Work
from penstock.tuning.job import Base, Job, Tuned
from penstock.tuning.mixing import PLAIN
from penstock.tuning_settings import GeneratorRecipe

EVERY_PRODUCT = "all-linear"
SPLITS = (Split.TRAIN, Split.VALIDATION)


def tune(job: Job, recipe: GeneratorRecipe) -> Tuned:
    """Train on answers, then on preferences where there are any; measure before, between and after.

    Raises ``RefusedError`` where no example is short enough, ``ModelError`` for a broken loss.
    """
    tokenizer = opening.tokenizer(job.base.name, job.base.folder)
    learn, choose = fitting(job.set, job.base, recipe, tokenizer)
    model = lora.wrapped(opened(job.base, recipe), recipe, EVERY_PRODUCT)
    asked = choose[: recipe.measured]
    figures: dict[str, Any] = {
        "too long": sum(len(job.set.of(one)) for one in SPLITS) - len(learn) - len(choose),
        "before": writing.discipline(model, tokenizer, asked, recipe),
    }
    supervised(job, recipe, model, tokenizer, learn, choose)
    figures["after answers"] = writing.discipline(model, tokenizer, asked, recipe)
    pairs, unseen = better(learn), better(choose)
    if recipe.prefer and pairs and unseen:
        figures["preferred before"] = intervals.score(writing.preferred(model, tokenizer, unseen)).to_dict()
        model = preferring(job, recipe, model, tokenizer, pairs, unseen)
        figures["preferred after"] = intervals.score(writing.preferred(model, tokenizer, unseen)).to_dict()
        figures["after"] = writing.discipline(model, tokenizer, asked, recipe)
    else:
        figures["after"] = figures["after answers"]
    return Tuned(kept(job, recipe, model), figures)


def work(set_: TrainingSet, base: Base, recipe: GeneratorRecipe) -> Work:
    """What ``tune`` will read and write. Raises ``RefusedError`` where no example is short enough."""
    tokenizer = opening.tokenizer(base.name, base.folder)
    learn, choose = fitting(set_, base, recipe, tokenizer)
    pairs = len(better(learn)) if recipe.prefer and better(choose) else 0
    measured = 3 if pairs else 2
    return Work(
        rows=sum(map(counts, learn)),
        tokens=max(length(tokenizer, one) for one in (*learn, *choose)),
        words=len(tokenizer),
        pairs=pairs,
        written=measured * len(choose[: recipe.measured]) * recipe.answer_tokens,
    )


def fitting(set_: TrainingSet, base: Base, recipe: GeneratorRecipe, tokenizer: Any) -> list[list[GeneratorExample]]:
    """Those to train on and those to choose by that are read whole: a cut one would teach to stop in the middle.

    Raises ``RefusedError`` where either is empty.
    """
    window = opening.window(base.folder)
    longest = min(recipe.max_length, window or recipe.max_length)
    lengths = [[(one, length(tokenizer, one)) for one in examples(set_, split)] for split in SPLITS]
    fit = [[one for one, tokens in some if tokens <= longest] for some in lengths]
    if all(fit):
        return fit
    enough = max(min(tokens for _, tokens in some) for some in lengths)
    remedy = "raise max_length in the recipe to that or more"
    if window is not None and enough > window:
        remedy = f"the base {base.name!r} has places for {window}: name one that has more"
    raise RefusedError(
        f"training set {set_.id} holds no example of at most {longest} tokens to train on and one to choose by; the "
        f"shortest such two fit into {enough}: {remedy}"
    )


def better(some: Sequence[GeneratorExample]) -> list[GeneratorExample]:
    """Those that hold a worse answer beside the right one."""
    return [one for one in some if one.rejected is not None]


def examples(set_: TrainingSet, split: Split) -> list[GeneratorExample]:
    return [one for one in set_.of(split) if isinstance(one, GeneratorExample)]


def opened(base: Base, recipe: GeneratorRecipe) -> Any:
    """The base, in 4 bits where a GPU is and an adapter is trained over it."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    options: dict[str, Any] = {"dtype": "float32"}
    if torch.cuda.is_available():
        options = {"dtype": "bfloat16", "device_map": {"": 0}}
        if recipe.four_bit and recipe.method == "lora":
            options["quantization_config"] = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
            )
    return opening.model(AutoModelForCausalLM, base.name, base.folder, **options)


def length(tokenizer: Any, one: GeneratorExample) -> int:
    """Tokens of the question with its longer answer."""
    answers = [one.answer, *([one.rejected] if one.rejected is not None else [])]
    return max(len(writing.tokens(tokenizer, one, answer)) for answer in answers)


def supervised(
    job: Job,
    recipe: GeneratorRecipe,
    model: Any,
    tokenizer: Any,
    learn: Sequence[GeneratorExample],
    choose: Sequence[GeneratorExample],
) -> None:
    """The model learns in its place."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    rows = [pair(one, completion=one.answer) for one in learn if counts(one)]
    work = job.folder / "supervised"
    trainer = checkpoints.resumable(SFTTrainer)(
        model=model,
        args=SFTConfig(
            max_length=recipe.max_length,
            **precision(),
            **lora.arguments(recipe, str(work), len(rows), recipe.epochs, recipe.rate()),
        ),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list([pair(one, completion=one.answer) for one in choose]),
        callbacks=early.callbacks(job, "answers "),
    )
    checkpoints.fit(trainer, work)


def preferring(
    job: Job,
    recipe: GeneratorRecipe,
    model: Any,
    tokenizer: Any,
    learn: Sequence[GeneratorExample],
    choose: Sequence[GeneratorExample],
) -> Any:
    """The model as it stands is the reference that it is held near; returned is the one that was trained further."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    work = job.folder / "preferred"
    rows = [pair(one, chosen=one.answer, rejected=str(one.rejected)) for one in learn]
    trainer = checkpoints.resumable(DPOTrainer)(
        model=model,
        ref_model=copy.deepcopy(model) if recipe.method == "full" else None,  # an adapter is copied by TRL
        args=DPOConfig(
            beta=recipe.beta,
            max_length=recipe.max_length,
            **precision(),
            **lora.arguments(recipe, str(work), len(rows), recipe.prefer_epochs, recipe.rate() / 10),
        ),
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(rows),
        eval_dataset=Dataset.from_list([pair(one, chosen=one.answer, rejected=str(one.rejected)) for one in choose]),
        callbacks=early.callbacks(job, "preferences "),
    )
    checkpoints.fit(trainer, work)
    if recipe.method == "lora":
        model.delete_adapter("ref")
    return model


def pair(one: GeneratorExample, **answers: str) -> dict[str, Any]:
    said = {name: [{"role": "assistant", "content": text}] for name, text in answers.items()}
    return {"prompt": [dict(message) for message in one.messages], **said}


def counts(one: GeneratorExample) -> bool:
    """TRL counts every row alike: so the weight of an example is the chance that it is a row, drawn from its id."""
    return int(one.id[:8], 16) / 16**8 < one.weight


def precision() -> dict[str, Any]:
    import torch

    return {"bf16": torch.cuda.is_available(), "fp16": False, "activation_checkpointing": torch.cuda.is_available()}


def kept(job: Job, recipe: GeneratorRecipe, model: Any) -> Path:
    """``adapter`` and ``merged``, the latter always from the base in whole numbers."""
    out = job.folder / "model"
    if out.exists():
        shutil.rmtree(out)
    if recipe.method == "lora":
        model.peft_config["default"].base_model_name_or_path = job.base.folder.name  # no path of this machine
        # Embeddings are not trained. "auto" would look on the Hugging Face hub for a model of the base's name.
        model.save_pretrained(out / "adapter", selected_adapters=["default"], save_embedding_layers=False)
        (out / "adapter" / "README.md").unlink(missing_ok=True)
        if not recipe.merge:
            return out
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        plain = opening.model(AutoModelForCausalLM, job.base.name, job.base.folder)
        model = PeftModel.from_pretrained(plain, out / "adapter").merge_and_unload()
    for path in sorted(one for one in job.base.folder.iterdir() if one.suffix in PLAIN):
        (out / "merged").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out / "merged" / path.name)
    model.save_pretrained(out / "merged")
    return out
