"""The model that is tuned: found, and looked at before anything is trained."""

from __future__ import annotations

from pathlib import Path

from penstock.embedding import bert
from penstock.embedding.folder import (
    TOKENIZER,
    WEIGHTS,
    ModelFolder,
    check_files,
    file_hash,
    locate,
    open_folder,
    pickles,
    read_json,
)
from penstock.errors import ModelError, UsageError
from penstock.ids import fingerprint
from penstock.platform import Platform
from penstock.purposes import Purpose
from penstock.reranking import cross_encoder
from penstock.settings import PACKAGE, EmbedderSettings, LocalRerankerSettings
from penstock.trained import on_disk
from penstock.tuning import opening
from penstock.tuning.job import Base
from penstock.tuning_settings import AnyRecipe

SHARDS = "model.safetensors.index.json"


def find(platform: Platform, index: str, purpose: Purpose, recipe: AnyRecipe) -> Base:
    """The recipe's base, or else the index's own model.

    Raises ``UsageError`` where there is nothing to tune, ``ModelError`` for a model that is missing, incomplete, of
    another kind, or holds its weights in a form that can run code.
    """
    match purpose:
        case Purpose.EMBEDDER:
            base = _embedder(platform, index, recipe)
        case Purpose.RERANKER:
            base = _reranker(platform, index, recipe)
        case Purpose.GENERATOR:
            base = _generator(platform, index, recipe)
    if found := pickles(base.folder):
        raise ModelError(
            f"the base {base.name!r} cannot be tuned: {found[0]} can run code when it is loaded, and what training "
            "loads is safetensors only; take that file away"
        )
    return base


def local_embedder(platform: Platform, index: str) -> EmbedderSettings:
    """The embedder of an index, where it is a model that can be tuned here."""
    settings = platform.settings.index(index).embedder
    if not isinstance(settings, EmbedderSettings) or settings.backend == "hashing":
        raise UsageError(
            f"the embedder of index {index!r} ({settings.backend}) is no model that can be tuned here; set "
            f'indexes.{index}.embedder.backend to "openvino" with a local model'
        )
    return settings


def require_any(platform: Platform, index: str, purpose: Purpose, recipe: AnyRecipe) -> None:
    """Raise ``UsageError`` where the configuration names nothing that could be tuned. Opens no model."""
    match purpose:
        case Purpose.EMBEDDER:
            local_embedder(platform, index)
        case Purpose.RERANKER:
            if _cross_encoder(platform, index, recipe) is None:
                local_embedder(platform, index)
        case Purpose.GENERATOR:
            _chat_model(index, recipe)


def _cross_encoder(platform: Platform, index: str, recipe: AnyRecipe) -> str | None:
    configured = platform.settings.index(index).retrieval.rerank
    return recipe.base or (configured.model if isinstance(configured, LocalRerankerSettings) else None)


def _chat_model(index: str, recipe: AnyRecipe) -> str:
    if recipe.base is None:
        raise UsageError(
            'no base is named for a generator: write [recipes.NAME] with purpose = "generator" and base = the '
            "folder of a chat model, and name it with --recipe NAME, or for retrainings in "
            f"indexes.{index}.retrain.recipe"
        )
    return recipe.base


def _located(platform: Platform, name: str) -> str:
    """Where a base is, as the folders' own modules open it. One with code of its own goes no further."""
    found = name if name.startswith(PACKAGE) else on_disk(platform, name)
    opening.refuse_own_code(name, locate(found))
    return found


def _opened(platform: Platform, name: str) -> ModelFolder:
    folder = open_folder(_located(platform, name))
    bert.check(folder)
    opening.check(name, folder.root)
    return folder


def _embedder(platform: Platform, index: str, recipe: AnyRecipe) -> Base:
    settings = local_embedder(platform, index)
    name = recipe.base or settings.model
    folder, ours = _opened(platform, name), _opened(platform, settings.model)
    wide, width = int(folder.config["hidden_size"]), int(ours.config["hidden_size"])
    if wide != width:
        raise ModelError(
            f"the base {name!r} makes vectors of {wide} numbers, and the embedder of index {index!r} of {width}; "
            "name a base of the same dimension, or change the index's embedder and reindex first"
        )
    if file_hash(folder.tokenizer) != file_hash(ours.tokenizer):
        raise ModelError(
            f"the base {name!r} has another tokenizer than the embedder of index {index!r}, whose passages are cut by "
            "its own; change the index's embedder and reindex first"
        )
    return Base(name, folder.path, folder.root, folder.weights_hash)


def _reranker(platform: Platform, index: str, recipe: AnyRecipe) -> Base:
    """Without a cross-encoder it is the transformer of the embedder, which gets a head of its own."""
    name = _cross_encoder(platform, index, recipe)
    if name is None:
        settings = local_embedder(platform, index)
        transformer = _opened(platform, settings.model)
        root, with_head = transformer.root, fingerprint(["head", transformer.weights_hash])
        return Base(settings.model, root, root, with_head)
    encoder = cross_encoder.open_folder(_located(platform, name))
    opening.check(name, encoder.path)
    return Base(name, encoder.path, encoder.path, encoder.fingerprint)


def _generator(platform: Platform, index: str, recipe: AnyRecipe) -> Base:
    name = _chat_model(index, recipe)
    path = locate(_located(platform, name))
    merged = path / "merged"
    path = merged if merged.is_dir() else path  # as a generator that was trained here is kept
    shards = sorted(set(read_json(path / SHARDS, {}).get("weight_map", {}).values()))
    if not shards:
        check_files(name, path)
    if missing := [one for one in shards if not (path / one).is_file()]:
        raise ModelError(f"{name!r} is incomplete: there is no {missing[0]} in {path}")
    tokenizer = read_json(path / "tokenizer_config.json", {})
    if not (path / "chat_template.jinja").is_file() and "chat_template" not in tokenizer:
        raise ModelError(f"{name!r} has no chat template, so it is no chat model; name one that has")
    opening.check(name, path)
    opening.check_chat(name, path)
    files = [path / one for one in (*(shards or [WEIGHTS]), "config.json", TOKENIZER)]
    return Base(name, path, path, fingerprint([file_hash(one) for one in files]))


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
