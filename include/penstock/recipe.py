"""How a generation of an index is made: parser, chunker, embedder and filterable fields.

A generation remembers its recipe, and a sync keeps to it even after the configuration changed: an edited line in a file
must not re-embed an index overnight. ``reindex`` is how a new recipe is asked for.
"""

from __future__ import annotations

from penstock.embedding.base import Embedder
from penstock.errors import ConfigError
from penstock.settings import ChunkerSettings, EmbedderSettings, ParserSettings, Section, Settings

PARSER_CHOICES = ("sentence_model", "html_articles", "max_attachment_depth")
RUNTIME_CHOICES = ("backend", "precision", "threads")


class Recipe(Section):
    parser: ParserSettings
    chunker: ChunkerSettings
    embedder: EmbedderSettings
    fields: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings, index: str) -> Recipe:
        """Today's recipe, as configured."""
        chosen = settings.index(index)
        return cls(parser=settings.parser, chunker=chosen.chunker, embedder=chosen.embedder, fields=chosen.fields)

    def require_room(self, embedder: Embedder) -> None:
        """Raise ``ConfigError`` where chunks may hold more than the embedder reads."""
        if self.chunker.max_tokens > embedder.max_tokens:
            raise ConfigError(
                f"chunker.max_tokens: {self.chunker.max_tokens} is too much for {self.embedder.model!r}, which reads "
                f"{embedder.max_tokens} tokens of a text and ignores the rest; write {embedder.max_tokens} or less"
            )

    def with_runtime_of(self, today: Recipe) -> Recipe:
        """This recipe's choices under today's limits, threads and precision, which change nothing that is made."""
        parser = today.parser.model_copy(update={name: getattr(self.parser, name) for name in PARSER_CHOICES})
        embedder = self.embedder
        if today.embedder.model == self.embedder.model:
            runtime = {name: getattr(today.embedder, name) for name in RUNTIME_CHOICES}
            embedder = self.embedder.model_copy(update=runtime)
        return self.model_copy(update={"parser": parser, "embedder": embedder})

    def differences(self, today: Recipe) -> list[str]:
        """What a reindex under ``today`` would change, in words; empty where nothing would."""
        ours, theirs = self.with_runtime_of(today).model_dump(mode="json"), today.model_dump(mode="json")
        return [
            f"{section}.{key}: {ours[section][key]!r} → {value!r}"
            for section in ("parser", "chunker", "embedder")
            for key, value in theirs[section].items()
            if ours[section][key] != value
        ] + ([f"fields: {ours['fields']} → {theirs['fields']}"] if ours["fields"] != theirs["fields"] else [])
