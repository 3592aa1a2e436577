"""Models that put passages in the order in which they answer a question. ``open_reranker`` opens one."""

from __future__ import annotations

from penstock.reranking.base import Ranked, Ranking, Reranker
from penstock.settings import AnyReranker, LocalRerankerSettings
from penstock.sources.connection import Connections, connection_from_environment

__all__ = ["Ranked", "Ranking", "Reranker", "open_reranker"]


def open_reranker(settings: AnyReranker, connections: Connections = connection_from_environment) -> Reranker:
    """Open the reranker that the settings name; ``connections`` finds the key of one behind an API.

    Raises ``ConfigError`` where there is no key, ``ModelError`` where the SDK is not installed, or where a local
    model's files are missing or of a kind that is not run here.
    """
    if isinstance(settings, LocalRerankerSettings):
        from penstock.reranking.local import LocalReranker

        return LocalReranker(settings)
    from penstock.reranking.cohere import CohereReranker

    return CohereReranker(settings, connections)
