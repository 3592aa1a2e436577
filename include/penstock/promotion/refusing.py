"""What is wrong with a comparison before it begins: a look at the test examples is spent on nothing that can be seen.

Files that it will read are read, models opened and counted by whoever compares; the rest is here.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import Row

from penstock import champions, manifest, trained
from penstock.embedding.folder import TOKENIZER, file_hash, open_folder
from penstock.errors import RefusedError, UsageError
from penstock.evaluation import golden
from penstock.evaluation.documents import meant
from penstock.lake import Kind
from penstock.platform import Platform
from penstock.promotion import guards
from penstock.promotion.questions import TestSet
from penstock.purposes import Purpose
from penstock.settings import EmbedderSettings, GeneratorSettings, LocalRerankerSettings, RerankerSettings
from penstock.training.audience import restricted_since
from penstock.wording import count

MB = 2**20


def require_fit(platform: Platform, index: str, model: Row[Any], override: bool = False) -> None:
    """Raise ``RefusedError`` for a challenger that could not take over whatever its gain.

    ``override``: one that learned what was erased or restricted since may, by a person's word.

    ``StoreError`` where the lake lost a file of it or holds another, ``UsageError`` for question sets that cannot be
    read.
    """
    settings = platform.settings.index(index)
    gate, what = settings.training.gate, f"{model.purpose} {model.id}"
    if model.tainted and not override:
        raise RefusedError(
            f"something that {what} was trained on was erased since (decision {model.tainted[-1]}); train another "
            "without it, or --override; nothing was compared"
        )
    if not override:
        with platform.catalog.read() as connection:
            require_for_all(platform, connection, index, model)
    if model.size_bytes > gate.max_size_mb * MB:
        raise RefusedError(
            f"the size of {what} is {model.size_bytes / MB:.4g} MB, at most {gate.max_size_mb:g} may be "
            f"(indexes.{index}.training.gate.max_size_mb); nothing was compared"
        )
    require_served(platform, index, model)
    require_whole(platform, model)
    if settings.gates.golden is not None:
        golden.read(settings.gates.golden)
    for guard in gate.guards.values():
        guards.read(guard)


def require_for_all(
    platform: Platform, connection: Connection, index: str, model: Row[Any], undone: str = "nothing was compared"
) -> None:
    """Raise ``RefusedError`` for a model that learned what some who would use it may not read by now."""
    if hidden := restricted_since(platform, connection, index, model):
        raise RefusedError(
            f"{model.purpose} {model.id} was trained on {count(len(hidden), 'document')} that not all of the audience "
            f"may read any more; train another on a set that is built now, or --override; {undone}"
        )


def require_whole(platform: Platform, model: Row[Any]) -> None:
    """Raise ``StoreError`` where the lake lost a file of a model, or holds another under its name."""
    for digest in model.files.values():
        platform.lake.check(Kind.MODELS, digest)


def require_served(platform: Platform, index: str, model: Row[Any], undone: str = "nothing was compared") -> None:
    """Raise ``RefusedError`` where a promoted one would not serve: it is tuned from another than is configured.

    ``UsageError`` where a generator has no server that could call it.
    """
    configured, table = platform.settings.index(index), f"indexes.{index}"
    stands: LocalRerankerSettings | RerankerSettings | GeneratorSettings | None
    if model.purpose == Purpose.RERANKER:
        stands = configured.retrieval.rerank
        remedy = f"Configure its base ({table}.retrieval.rerank), or train another"
    elif model.purpose == Purpose.GENERATOR:
        stands = configured.answer.generator
        if stands is None or stands.backend != "openai":
            raise UsageError(
                f"{table}.answer.generator in {platform.settings.file} names no server with OpenAI's chat completions; "
                f"a tuned generator is served there by the name {champions.SERVED_AS + model.id}"
            )
        remedy = (
            "Have the server call its base by the name that the recipe has for it (vLLM: --served-model-name), and "
            f"name that in {table}.answer.generator.model"
        )
    else:
        return
    if stands is not None and not serves(platform, index, model):
        raise RefusedError(
            f"{model.purpose} {model.id} was tuned from {model.base!r}, and index {index!r} has {stands.model!r}: "
            f"promoted it would not serve. {remedy}; {undone}"
        )


def serves(platform: Platform, index: str, model: Row[Any]) -> bool:
    """Whether a reranker or a generator would be called, were it the champion: the configuration may name another."""
    configured, promoted = platform.settings.index(index), {model.purpose: model.id}
    if model.purpose == Purpose.RERANKER:
        return champions.retrieval(platform, index, promoted) != configured.retrieval
    return model.purpose != Purpose.GENERATOR or champions.answering(platform, index, promoted) != configured.answer


def require_same_tokens(platform: Platform, index: str, model: Row[Any]) -> None:
    """Raise ``RefusedError`` for an embedder with another tokenizer than the index's, which passages are cut by.

    It was trained before the configuration named another embedder.
    """
    settings = platform.settings.index(index).embedder
    if isinstance(settings, EmbedderSettings) and settings.backend != "hashing":
        ours = file_hash(open_folder(trained.on_disk(platform, settings.model)).tokenizer)
        if ours in (digest for name, digest in model.files.items() if PurePosixPath(name).name == TOKENIZER):
            return
    raise RefusedError(
        f"embedder {model.id} was tuned from {model.base!r} and has another tokenizer than {settings.model!r}, which "
        f"cuts the passages of index {index!r}; configure its base (indexes.{index}.embedder.model) and reindex, or "
        "train another; nothing was compared"
    )


def answerable(platform: Platform, index: str, purpose: Purpose, test: TestSet) -> Collection[str]:
    """The questions that the live release holds an answer to; of a generator, which is given its passages, all."""
    with platform.catalog.read() as connection:
        live, _ = manifest.pointer(connection, index)
    if purpose is Purpose.GENERATOR or live is None:
        return test.groups.keys()
    return meant(platform, index, live, test.questions).relevant.keys()
