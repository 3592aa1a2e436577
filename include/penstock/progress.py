"""How far a run is, for whoever watches. The default watches nothing."""

from __future__ import annotations


class Progress:
    """``stage`` begins a stage of ``total`` steps (unknown: ``None``), ``advance`` counts within it."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass
