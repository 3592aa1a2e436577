"""Models that turn texts into vectors. ``open_embedder`` loads one from its settings."""
