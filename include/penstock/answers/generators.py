"""``open_generator`` opens the chat model that the settings name."""

from __future__ import annotations

from penstock.answers.base import Generator
from penstock.settings import GeneratorSettings
from penstock.sources.connection import Connections, connection_from_environment


def open_generator(settings: GeneratorSettings, connections: Connections = connection_from_environment) -> Generator:
    """``connections`` finds its key.

    Raises ``ConfigError`` where there is no key, ``ModelError`` where the SDK is not installed.
    """
    if settings.backend == "cohere":
        from penstock.answers.cohere import CohereChat

        return CohereChat(settings, connections)
    from penstock.answers.openai import OpenAiChat

    return OpenAiChat(settings, connections)
