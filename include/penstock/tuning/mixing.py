"""Tuned weights in the folder of their base: its layout, tokenizer and names of tensors, only the numbers are others.

So what serves the base serves the tuned model, and the same numbers give the same files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from penstock.embedding.folder import WEIGHTS
from penstock.errors import ModelError

PLAIN = (".json", ".txt", ".jinja")
"""Endings of what is copied: no weights in other forms, no page of the base that would speak for the tuned model."""
ATTACHED = ("bert.", "roberta.", "base_model.model.", "model.")


def write(base: Path, root: Path, tuned: Mapping[str, Any], share: float, to: Path) -> None:
    """Write the base's folder to ``to``, its weights ``share`` of the way to the tuned ones.

    ``root`` is where the weights lie in ``base``. Raises ``ModelError`` where ``tuned`` lacks one of its tensors.
    """
    import torch
    from safetensors.torch import load_file, save_file

    if to.exists():
        shutil.rmtree(to)
    for path in sorted(one for one in base.rglob("*") if one.is_file() and one.suffix in PLAIN):
        copy = to / path.relative_to(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    found = load_file(root / WEIGHTS)
    for name, before in found.items():
        if not before.is_floating_point():
            continue
        after = _named(tuned, name)
        if after is None:
            continue  # such as a pooler that the tuned model does not have: it stays as it was
        after = after.detach().cpu().to(torch.float32)
        found[name] = after.contiguous() if share == 1.0 else torch.lerp(before.to(torch.float32), after, share)
    if not any(_named(tuned, name) is not None for name in found):
        raise ModelError(f"{root / WEIGHTS} names none of its tensors as the trained model does")
    save_file(found, to / root.relative_to(base) / WEIGHTS, metadata={"format": "pt"})


def _named(tensors: Mapping[str, Any], name: str) -> Any:
    """Files and models differ in what they put before a name: the model's own attribute of the encoder."""
    return next((tensors[one] for one in _names(name) if one in tensors), None)


def _names(name: str) -> Iterator[str]:
    yield name
    for prefix in ATTACHED:
        yield prefix + name
        yield name.removeprefix(prefix)
