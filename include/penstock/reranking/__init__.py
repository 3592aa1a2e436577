"""Models that put passages in the order in which they answer a question. ``open_reranker`` opens one."""

from __future__ import annotations

from penstock.reranking.base import Ranked, Ranking, Reranker
from penstock.settings import RerankerSettings
from penstock.sources.connection import Connections, connection_from_environment

__all__ = ["Ranked", "Ranking", "Reranker", "open_reranker"]


def open_reranker(settings: RerankerSettings, connections: Connections = connection_from_environment) -> Reranker:
    """Open the reranker that the settings name; ``connections`` finds its key.

    Raises ``ConfigError`` where there is no key, ``ModelError`` where the SDK is not installed.
    """
    from penstock.reranking.cohere import CohereReranker

    return CohereReranker(settings, connections)
