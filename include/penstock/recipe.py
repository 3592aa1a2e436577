"""How a generation of an index is made: parser, chunker, embedder and filterable fields.

A generation remembers its recipe, and a sync keeps to it even after the configuration changed: an edited line in a file
must not re-embed an index overnight. ``reindex`` is how a new recipe is asked for.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from penstock.embedding.base import Embedder
from penstock.errors import ConfigError
from penstock.settings import (
    TRAINED,
    AnyEmbedder,
    ApiEmbedderSettings,
    ChunkerSettings,
    DeclaredFields,
    EmbedderSettings,
    ParserSettings,
    Settings,
)
from penstock.source_settings import Section

PARSER_CHOICES = ("sentence_model", "html_articles", "max_attachment_depth")
LOCAL_RUNTIME = ("backend", "precision", "threads")
API_LIMITS = ("timeout_s", "tries", "batch_texts", "budget_tokens")
API_PLACE = ("connection", "base_url")
"""Where a model is asked: it keeps its name, and its vectors theirs, when it moves."""


class Recipe(Section):
    parser: ParserSettings
    chunker: ChunkerSettings
    embedder: AnyEmbedder
    fields: DeclaredFields

    @classmethod
    def of(cls, settings: Settings, index: str) -> Recipe:
        """Today's recipe, as configured."""
        chosen = settings.index(index)
        return cls(parser=settings.parser, chunker=chosen.chunker, embedder=chosen.embedder, fields=chosen.fields)

    @classmethod
    def of_generation(cls, settings: Settings, generation: Row[Any]) -> Recipe:
        """The recipe that made a generation (a row of ``generations``), under today's limits."""
        return cls.model_validate(generation.recipe).with_runtime_of(cls.of(settings, generation.index_name))

    def require_room(self, embedder: Embedder) -> None:
        """Raise ``ConfigError`` where chunks may hold more than the embedder reads."""
        if self.chunker.max_tokens > embedder.max_tokens:
            raise ConfigError(
                f"chunker.max_tokens: {self.chunker.max_tokens} is too much for {self.embedder.model!r}, which reads "
                f"no more than {embedder.max_tokens} tokens of a text; write {embedder.max_tokens} or less"
            )

    def with_runtime_of(self, today: Recipe) -> Recipe:
        """This recipe's choices under today's limits, threads and precision, which change nothing that is made."""
        parser = today.parser.model_copy(update={name: getattr(self.parser, name) for name in PARSER_CHOICES})
        names = _runtime_choices(self.embedder, today.embedder)
        embedder = self.embedder.model_copy(update={name: getattr(today.embedder, name) for name in names})
        return self.model_copy(update={"parser": parser, "embedder": embedder})

    def differences(self, today: Recipe) -> list[str]:
        """What a reindex under ``today`` would change, in words; empty where nothing would."""
        ours, theirs = self.with_runtime_of(today)._choices(), today._choices()
        return [
            f"{section}.{key}: {ours[section].get(key)!r} → {value!r}"
            for section in ("parser", "chunker", "embedder")
            for key, value in theirs[section].items()
            if ours[section].get(key) != value
        ] + ([f"fields: {ours['fields']} → {theirs['fields']}"] if self.fields != today.fields else [])

    def _choices(self) -> dict[str, Any]:
        runtime = {*LOCAL_RUNTIME, *API_LIMITS, *API_PLACE} - {"backend"}
        found = self.model_dump(mode="json")
        return found | {"embedder": {k: v for k, v in found["embedder"].items() if k not in runtime}}


def _may_run_alike(kept: EmbedderSettings, today: EmbedderSettings) -> bool:
    """A model that was tuned here runs as the configured one does, whose place it takes."""
    return kept.model == today.model or kept.model.startswith(TRAINED)


def _runtime_choices(kept: AnyEmbedder, today: AnyEmbedder) -> tuple[str, ...]:
    """What a kept embedder takes on of today's: where it runs if that makes the same vectors, and today's limits."""
    if isinstance(kept, ApiEmbedderSettings) and isinstance(today, ApiEmbedderSettings):
        place = API_PLACE if kept.model == today.model else ()
        return (*API_LIMITS, *place) if kept.backend == today.backend else ()
    if isinstance(kept, EmbedderSettings) and isinstance(today, EmbedderSettings) and _may_run_alike(kept, today):
        alike = kept.backend == today.backend or "hashing" not in (kept.backend, today.backend)
        return LOCAL_RUNTIME if alike else ()
    return ()
