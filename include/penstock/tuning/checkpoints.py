"""Checkpoints: the weights that are trained, as safetensors, with what transformers needs to go on from there.

Only those weights are written, not the model around them: of a LoRA that is a hundredth.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.errors import disk_is_full, full_disk

TRAINED = "trained.safetensors"
ENDED = "ended.json"
STATE = "trainer_state.json"
"""transformers writes it last: a checkpoint without it, or with half of it, was cut short."""


def resumable(trainer: type[Any]) -> type[Any]:
    """The trainer, with checkpoints of this kind. One class for all, since each library has a way of its own."""

    class Resumable(trainer):  # type: ignore[misc]
        def _save(self, output_dir: str | None = None, **_: Any) -> None:
            save(self.model, Path(output_dir or self.args.output_dir) / TRAINED)

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            load(model or self.model, Path(resume_from_checkpoint) / TRAINED)

        def _load_best_model(self) -> None:
            load(self.model, Path(self.state.best_model_checkpoint) / TRAINED)

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """Penstock writes its own."""

        def add_model_card_callback(self, *_: Any, **__: Any) -> None:
            """sentence-transformers' would embed examples for a page of its own."""

    return Resumable


def trainable(model: Any) -> dict[str, Any]:
    """By name. TRL's copy of an adapter, "ref", is what another is held near, and stands still."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad and ".ref." not in name}


def save(model: Any, path: Path) -> None:
    """Written beside and moved, so that a file that is there is whole."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    save_file({name: one.detach().cpu().contiguous() for name, one in trainable(model).items()}, beside)
    beside.rename(path)


def load(model: Any, path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    tensors, found = load_file(path), trainable(model)
    if tensors.keys() != found.keys():
        raise ValueError(f"{path} holds other weights than are trained here")
    with torch.no_grad():
        for name, one in found.items():
            one.copy_(tensors[name])


def last(folder: Path) -> str | None:
    """The newest whole checkpoint below ``folder``; what was cut short is deleted."""
    found: list[tuple[int, Path]] = []
    for path in folder.glob("checkpoint-*"):
        try:
            found.append((int(json.loads((path / STATE).read_text())["global_step"]), path))
        except (OSError, ValueError, KeyError):
            shutil.rmtree(path)
    return str(max(found)[1]) if found else None


def fit(trainer: Any, folder: Path) -> dict[str, Any]:
    """Train from the last checkpoint on, if there is one, and end with the best weights; the steps that it took.

    A training that ended before has its weights in ``folder`` and is not begun again. Raises what callbacks raise.
    """
    from transformers import PrinterCallback

    ended, weights = folder / ENDED, folder / TRAINED
    if ended.exists():
        load(trainer.model, weights)
    else:
        trainer.remove_callback(PrinterCallback)  # stdout is the command's own
        trainer.train(resume_from_checkpoint=last(folder))
        save(trainer.model, weights)
        beside = ended.with_suffix(".part")
        beside.write_text(json.dumps({"steps": trainer.state.global_step, "best step": trainer.state.best_global_step}))
        beside.rename(ended)
    found: dict[str, Any] = json.loads(ended.read_text())
    return found


@contextmanager
def room(folder: Path) -> Iterator[None]:
    """Raise ``DiskFullError`` where what is written below ``folder`` finds no room.

    torch words a failed write in its own way ("PytorchStreamWriter failed"), whatever the reason.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        if disk_is_full(error) or shutil.disk_usage(folder).free < 1 << 20:
            raise full_disk(f"the training's folder {folder}") from error
        raise
