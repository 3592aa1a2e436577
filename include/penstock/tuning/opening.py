"""A base is opened here and nowhere else: from its folder alone, without code of its own, and looked at before.

transformers would ask on a terminal whether to run the Python that a folder brings along; here nobody is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penstock.embedding.folder import TOKENIZER, own_code, read_json
from penstock.embedding.tokens import load_tokenizer
from penstock.errors import ModelError
from penstock.wording import count

CLOSED: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""What every ``from_pretrained`` is told, and sentence-transformers too."""
SIZES = ("hidden_size", "num_hidden_layers", "intermediate_size")
TALK = [
    {"role": "system", "content": "rules"},
    {"role": "user", "content": "passages and a question"},
    {"role": "assistant", "content": "claims"},
]
"""The messages of an example, as ``answers.prompt`` makes them."""


def check(name: str, folder: Path) -> None:
    """Raise ``ModelError`` unless configuration, weights and tokenizer in ``folder`` can be read.

    ``name`` is what the recipe calls the base, of which ``refuse_own_code`` was asked before. No weight is loaded.
    """
    _check_config(name, folder)
    for weights in sorted(folder.glob("*.safetensors")):
        _check_weights(name, weights)
    tokenizer(name, folder)


def refuse_own_code(name: str, folder: Path) -> None:
    if found := own_code(folder):
        raise ModelError(
            f"the base {name!r} cannot be tuned: {found} names Python code that comes with the model, and training "
            "runs none; name a base that transformers knows by itself"
        )


def check_chat(name: str, folder: Path) -> None:
    """Raise ``ModelError`` where the chat template does not take a system message, a question and an answer.

    Or where no token can fill what is shorter than the others of its batch.
    """
    from jinja2 import TemplateError

    made = tokenizer(name, folder)
    if made.pad_token is None and made.eos_token is None:
        raise ModelError(
            f"the base {name!r} cannot be tuned: {folder / 'tokenizer_config.json'} names neither a pad_token nor an "
            "eos_token; name one there, or name another base"
        )
    try:
        made.apply_chat_template(TALK[:2], add_generation_prompt=True, return_dict=False)
        made.apply_chat_template(TALK, return_dict=False)
    except (TemplateError, TypeError, ValueError) as error:
        raise ModelError(
            f"the chat template of the base {name!r} does not take what penstock says, a system message and a "
            f"question: {first_line(error)}; mend chat_template in {folder}, or name another base"
        ) from error


def sizes(config: Mapping[str, Any]) -> dict[str, Any]:
    """``SIZES`` of a model by its configuration; some kinds have names of their own for them.

    >>> sizes({"model_type": "gpt2", "n_embd": 32, "n_layer": 2})
    {'hidden_size': 32, 'num_hidden_layers': 2, 'intermediate_size': 128}
    """
    import transformers

    kind = transformers.CONFIG_MAPPING[config["model_type"]]
    found = {size: config.get(size, config.get(kind.attribute_map.get(size, size))) for size in SIZES}
    hidden = found["hidden_size"]
    if isinstance(hidden, int) and not hasattr(kind(), "intermediate_size"):  # GPT-2's is four times as wide
        found["intermediate_size"] = found["intermediate_size"] or 4 * hidden
    return found


def window(folder: Path) -> int | None:
    """Tokens that the model in a folder has places for; ``None`` where its configuration names no end."""
    import transformers

    places = getattr(transformers.AutoConfig.from_pretrained(folder, **CLOSED), "max_position_embeddings", None)
    return places if isinstance(places, int) else None


def tokenizer(name: str, folder: Path) -> Any:
    from transformers import AutoTokenizer

    with readable(name, folder, "tokenizer"):
        load_tokenizer(folder / TOKENIZER)  # transformers raises whatever comes for one that is broken
        return AutoTokenizer.from_pretrained(folder, **CLOSED)


def model(kind: Any, name: str, folder: Path, new: Collection[str] = (), **options: Any) -> Any:
    """``kind`` is the transformers class that reads it; ``new`` names parts that the folder need not have.

    Raises ``ModelError`` where weights and configuration do not fit together: transformers would take random ones.
    """
    with readable(name, folder):
        made, info = kind.from_pretrained(
            folder,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused here, by name
            **CLOSED,
            **options,
        )
    unfit = [*(one[0] for one in info["mismatched_keys"]), *info["missing_keys"]]
    if unfit := sorted(one for one in unfit if not set(new) & set(one.split("."))):
        raise ModelError(
            f"the weights of the base {name!r} do not fit {folder / 'config.json'}: {count(len(unfit), 'tensor')} "
            f"missing or of another shape, such as {unfit[0]}; one of the two files is another model's"
        )
    return made


@contextmanager
def readable(name: str, folder: Path, what: str = "model") -> Iterator[None]:
    """Translate what transformers raises while it reads a folder: it has no errors of its own for that."""
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    broken = (OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, RuntimeError)
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (*broken, SafetensorError, StrictDataclassError, ModelError) as error:
        raise ModelError(
            f"the {what} of the base {name!r} cannot be read from {folder}: {first_line(error)}; save it again with "
            "save_pretrained, or name another base"
        ) from error


def first_line(error: BaseException) -> str:
    """What it says, and its type where that is no sentence: of a ``KeyError`` it is the key alone."""
    said = " ".join(str(error).split("\n\n")[0].split())
    return f"{type(error).__name__} {said}" if isinstance(error, LookupError) else said


def _check_config(name: str, folder: Path) -> None:
    """transformers would take its own sizes for what is not said, of a large model, and memory for all of it."""
    import transformers

    config = read_json(folder / "config.json", {})
    if (kind := config.get("model_type")) not in transformers.CONFIG_MAPPING:
        raise ModelError(
            f"the base {name!r} cannot be tuned: {folder / 'config.json'} calls it a {kind!r}, and transformers "
            f"{transformers.__version__} knows no such model_type; name a base that it knows"
        )
    if missing := [size for size, found in sizes(config).items() if not isinstance(found, int)]:
        raise ModelError(
            f"the model of the base {name!r} cannot be read: {folder / 'config.json'} does not say "
            f"{', '.join(missing)}; save it again with save_pretrained, or name another base"
        )
    with readable(name, folder):
        transformers.AutoConfig.from_pretrained(folder, **CLOSED)


def _check_weights(name: str, weights: Path) -> None:
    """Its header, which names every tensor and how long the file is."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy"):
            pass
    except SafetensorError as error:
        raise ModelError(
            f"the weights of the base {name!r} cannot be read: {weights} is broken or was cut short ({error}); "
            "copy it again, or name another base"
        ) from error
