"""Models that turn texts into vectors. ``open_embedder`` loads one from its settings."""

from __future__ import annotations

from penstock.embedding.base import Embedder, Tokenizer, Vectors
from penstock.settings import EmbedderSettings

__all__ = ["Embedder", "Tokenizer", "Vectors", "embedder_fingerprint", "open_embedder"]


def open_embedder(settings: EmbedderSettings) -> Embedder:
    """Load the embedder that the settings name.

    Raises ``ModelError`` where its files are missing, altered or of a kind that the backend does not run.
    """
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


def embedder_fingerprint(settings: EmbedderSettings) -> str:
    """Return ``open_embedder(settings).fingerprint`` without loading a runtime."""
    if settings.backend == "hashing":
        from penstock.embedding.hashing import hashing_fingerprint

        return hashing_fingerprint(settings)
    from penstock.embedding.folder import open_folder

    return open_folder(settings.model).fingerprint(settings)
