"""A small adapter over a transformer (Hu et al., "LoRA", 2021), and back into one model. Dropout is off.

On a CPU it takes half of the time of a step, and an adapter of this size hardly needs it.
"""

from __future__ import annotations

from typing import Any

from penstock.tuning_settings import AnyRecipe

ENCODER = r".*encoder\.layer\..*\.(query|key|value|dense)"
"""Every product inside the layers; a bare "dense" would also hit a pooler that nothing uses."""


def wrapped(model: Any, recipe: AnyRecipe, targets: str, whole: list[str] | None = None) -> Any:
    """The model with an adapter, or itself where every weight is tuned. ``whole`` are parts that are trained whole."""
    import torch

    without_dropout(model)
    torch.manual_seed(recipe.seed)  # of the adapter's first weights; those of the batches are the trainer's to draw
    if recipe.method == "full":
        return model
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=recipe.rank, lora_alpha=2 * recipe.rank, lora_dropout=0.0, target_modules=targets, modules_to_save=whole
    )
    return get_peft_model(model, config)


def merged(model: Any, recipe: AnyRecipe) -> Any:
    """The plain transformer, the adapter added to its weights."""
    return model if recipe.method == "full" else model.merge_and_unload()


def without_dropout(model: Any) -> None:
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def arguments(recipe: AnyRecipe, folder: str, rows: int, epochs: float, rate: float) -> dict[str, Any]:
    """What transformers' trainers share. Everything random follows from the recipe's seed."""
    import math

    import torch

    an_epoch = math.ceil(rows / recipe.batch)
    every = max(1, math.ceil(an_epoch / recipe.evaluations))
    return {
        "output_dir": folder,
        "num_train_epochs": epochs,
        "per_device_train_batch_size": recipe.batch,
        "per_device_eval_batch_size": recipe.batch,
        "learning_rate": rate,
        "warmup_steps": math.ceil(an_epoch * epochs * recipe.warmup),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "eval_strategy": "steps",
        "eval_steps": every,
        "save_strategy": "steps",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "restore_callback_states_from_checkpoint": True,  # how long nothing got better
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": torch.cuda.is_available(),
    }
