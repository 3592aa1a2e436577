"""Models that turn texts into vectors. ``open_embedder`` loads one from its settings."""

from __future__ import annotations

from penstock.embedding.base import Embedder, Tokenizer, Vectors
from penstock.settings import AnyEmbedder, ApiEmbedderSettings
from penstock.sources.connection import Connections, connection_from_environment
from penstock.spending import RunAccount

__all__ = ["Embedder", "Tokenizer", "Vectors", "embedder_fingerprint", "open_embedder"]


def open_embedder(
    settings: AnyEmbedder, connections: Connections = connection_from_environment, account: RunAccount | None = None
) -> Embedder:
    """Load the embedder that the settings name. One behind an API finds its key by ``connections``; ``account`` pays.

    Raises ``ModelError`` where its files are missing, altered or of a kind that the backend does not run.
    """
    if isinstance(settings, ApiEmbedderSettings):
        from penstock.embedding.api import ApiEmbedder

        return ApiEmbedder(settings, connections, account)
    match settings.backend:
        case "openvino":
            from penstock.embedding.openvino import OpenVinoEmbedder

            return OpenVinoEmbedder(settings)
        case "sentence-transformers":
            from penstock.embedding.sentence_transformers import SentenceTransformersEmbedder

            return SentenceTransformersEmbedder(settings)
        case "hashing":
            from penstock.embedding.hashing import HashingEmbedder

            return HashingEmbedder(settings)


def embedder_fingerprint(settings: AnyEmbedder) -> str:
    """Return ``open_embedder(settings).fingerprint`` without loading a runtime."""
    if isinstance(settings, ApiEmbedderSettings):
        from penstock.embedding.api import api_fingerprint

        return api_fingerprint(settings)
    if settings.backend == "hashing":
        from penstock.embedding.hashing import hashing_fingerprint

        return hashing_fingerprint(settings)
    from penstock.embedding.folder import open_folder

    return open_folder(settings.model).fingerprint(settings)
