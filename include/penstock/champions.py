"""Which models serve an index today: the configured ones, and in their place those that were tuned and promoted.

The row that names the live release names the champions too, so that whoever reads it once has both. The embedder among
them is always that of the live release's generation: whoever moves the pointer sets it.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from penstock import manifest
from penstock.catalog.schema import models, promotions
from penstock.platform import Platform
from penstock.recipe import Recipe
from penstock.settings import (
    TRAINED,
    AnswerSettings,
    ApiEmbedderSettings,
    EmbedderSettings,
    LocalRerankerSettings,
    RetrievalSettings,
    Settings,
)

EMBEDDER, RERANKER, GENERATOR = "embedder", "reranker", "generator"
SERVED_AS = "penstock-"
"""A server of adapters knows a tuned generator by this and its id."""

Models = Mapping[str, str]
"""Purpose → id of the champion, of those that were trained."""


def beside(connection: Connection, index: str, release: int, others: Models | None = None) -> dict[str, str]:
    """The champions that go with a release: its own embedder, and ``others`` or those of today for the rest."""
    found = dict(manifest.champions(connection, index) if others is None else others)
    found.pop(EMBEDDER, None)
    own = trained_embedder(connection, index, release)
    return found | ({EMBEDDER: own} if own else {})


def trained_embedder(connection: Connection, index: str, release: int) -> str | None:
    """Id of the model that embedded a release; ``None`` where it was not trained here."""
    generation = manifest.release_row(connection, index, release).generation
    name = str(manifest.generation_row(connection, index, generation).recipe["embedder"]["model"])
    return name.removeprefix(TRAINED) if name.startswith(TRAINED) else None


def demoted(connection: Connection, index: str, release: int) -> bool:
    """Whether a release was embedded by a model that was taken out of service since: nothing is built on it."""
    model = trained_embedder(connection, index, release)
    if model is None:
        return False
    query = select(promotions.c.undone_at).where(promotions.c.index_name == index, promotions.c.model == model)
    last = connection.execute(query.order_by(promotions.c.id.desc()).limit(1)).one_or_none()
    return last is not None and last.undone_at is not None


def recipe(platform: Platform, index: str) -> Recipe:
    """Today's recipe: the configured one, with the champion embedder where that was tuned from the configured one."""
    with platform.catalog.read() as connection:
        champion = manifest.champions(connection, index).get(EMBEDDER)
    configured = Recipe.of(platform.settings, index)
    if champion is None or not _is_of(platform, champion, configured.embedder.model):
        return configured
    return configured.model_copy(update={"embedder": embedder(platform.settings, index, champion)})


def embedder(settings: Settings, index: str, model: str) -> EmbedderSettings | ApiEmbedderSettings:
    """The configured embedder with the weights of a model that was trained here."""
    return settings.index(index).embedder.model_copy(update={"model": TRAINED + model})


def retrieval(platform: Platform, index: str, champions: Models | None = None) -> RetrievalSettings:
    """The index's settings with its champion reranker, if that is tuned from the one that is configured, or none is.

    ``champions`` are those of today where they are None.
    """
    configured = platform.settings.index(index).retrieval
    model = _today(platform, index, champions).get(RERANKER)
    if model is None:
        return configured
    base = configured.rerank
    if base is not None and not (isinstance(base, LocalRerankerSettings) and _is_of(platform, model, base.model)):
        return configured
    return configured.model_copy(update={"rerank": reranker(base, model)})


def reranker(configured: object, model: str) -> LocalRerankerSettings:
    """A tuned reranker, run as the configured one is where that is local too."""
    if isinstance(configured, LocalRerankerSettings):
        return configured.model_copy(update={"model": TRAINED + model})
    return LocalRerankerSettings(backend="local", model=TRAINED + model)


def answering(platform: Platform, index: str, champions: Models | None = None) -> AnswerSettings:
    """The index's settings with its champion generator, called by name at the configured server."""
    configured = platform.settings.index(index).answer
    model = _today(platform, index, champions).get(GENERATOR)
    if model is None or configured.generator is None:
        return configured
    if not any(_is_of(platform, model, base) for base in _bases(platform.settings, configured.generator.model)):
        return configured
    named = configured.generator.model_copy(update={"model": SERVED_AS + model})
    return configured.model_copy(update={"generator": named})


def _bases(settings: Settings, name: str) -> tuple[str, str]:
    """What a recipe has for the base that a server calls ``name``: just that, or the folder which that is from here.

    vLLM calls a model by the path that it was given.
    """
    return name, str((settings.file.parent / name).resolve())


def _today(platform: Platform, index: str, champions: Models | None) -> Models:
    if champions is not None:
        return champions
    with platform.catalog.read() as connection:
        return manifest.champions(connection, index)


def _is_of(platform: Platform, model: str, base: str) -> bool:
    """Whether a model was tuned from ``base``, or from one that was, and so on."""
    base = platform.settings.named(base)
    found: str | None = TRAINED + model
    while found is not None and found != base:
        found = platform.once_known(found, _base) if found.startswith(TRAINED) else None
    return found == base


def _base(platform: Platform, name: str) -> str | None:
    with platform.catalog.read() as connection:
        query = select(models.c.base).where(models.c.id == name.removeprefix(TRAINED))
        return connection.execute(query).scalar()
